/** The straightforward TensorFlow.js port in a process without bicot's kernels. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';
import { readSafetensors } from 'bicot/node';
import type { Check } from '../check.js';
import { unconditional } from '../port/loss.js';
import { type Sampled, sample } from '../port/sample.js';
import { registerSegmentSum } from '../port/segment-sum.js';
import { createTrainer } from '../port/trainer.js';
import { type Problem, type ProblemLevel, readProblem, weightsPath } from '../problem.js';
import { updateCheck } from './checked-update.js';
import type { OpenRequest, ProblemRequest } from './protocol.js';
import { type RunnableVariant, type Session, serve } from './serve.js';

type Variables = Record<string, tf.Variable>;

const NAME = 'TensorFlow.js port';
/** The same with one more idea, which a port may or may not have. */
const SHARED = `${NAME}, prompts computed once`;

async function loadVariables(folder: string): Promise<Variables> {
  const { tensors } = await readSafetensors(weightsPath(folder));
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, shape }]) => [
      name,
      tf.variable(tf.tensor(data, [...shape])),
    ]),
  );
}

/** Log-probs of a level's tokens, decoded with the cache. */
async function decodeCheck(problem: Problem, weights: Variables, level: ProblemLevel): Promise<Check> {
  const { contexts, tokens: forced, space, sampling } = level;
  const without = unconditional(problem.config);
  const options = { ...sampling, image: space === 'image', unconditional: without, forced };
  const { logProbs } = await sample(problem.config, weights, contexts, options);
  return { [`decoded ${level.name} log-probs`]: { values: logProbs.flat() } };
}

async function trainingVariants(request: ProblemRequest, problem: Problem, weights: Variables) {
  const trainer = createTrainer(problem, weights);
  let check: Check = {};
  if (request.check !== false) {
    for (const level of problem.levels) check = { ...check, ...(await decodeCheck(problem, weights, level)) };
    const gradients: Record<string, ArrayLike<number>> = {};
    const update = await trainer.update(problem.levels, async (found) => {
      for (const [name, gradient] of Object.entries(found)) gradients[name] = await gradient.data();
    });
    check = { ...check, ...updateCheck(update, gradients) };
    if (request.task === 'step') await trainer.rollout();
  }
  const run = async () => {
    const levels = request.task === 'step' ? await trainer.rollout() : problem.levels;
    await trainer.update(levels);
  };
  return { variants: [{ name: NAME, check, run }], dispose: () => trainer.dispose() };
}

async function decodingVariants(request: ProblemRequest, problem: Problem, weights: Variables) {
  const { config, prompts, groupSize } = problem;
  const level = problem.levels.at(-1) as ProblemLevel;
  const check = request.check === false ? {} : await decodeCheck(problem, weights, level);
  const options = { ...level.sampling, image: true, unconditional: unconditional(config) };
  const decode = (contexts: readonly (readonly number[])[], copies: number): Promise<Sampled> =>
    sample(config, weights, contexts, { ...options, copies });
  const variants: RunnableVariant[] = [
    { name: NAME, check, run: async () => void (await decode(level.contexts, 1)) },
    { name: SHARED, check, run: async () => void (await decode(prompts, groupSize)) },
  ];
  if (request.check !== false) for (const { run } of variants) await run();
  return { variants, dispose() {} };
}

async function open(request: OpenRequest): Promise<Session> {
  if (request.task === 'checkpointing')
    throw new Error('The port keeps everything; it has nothing to compare.');
  const problem = readProblem(request.problem);
  const weights = await loadVariables(request.problem);
  const make = request.task === 'decode' ? decodingVariants : trainingVariants;
  const { variants, dispose } = await make(request, problem, weights);
  return {
    variants: variants.filter(({ name }) => request.only === undefined || request.only === name),
    dispose() {
      dispose();
      tf.dispose(weights);
    },
  };
}

await tf.setBackend('wasm');
await tf.ready();
registerSegmentSum();
await serve({
  hello: async () => ({
    versions: { node: process.versions.node, tfjs: tf.version_core },
    variants: [NAME],
    skipped: [],
  }),
  open,
});
