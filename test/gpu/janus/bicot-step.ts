import * as tf from '@tensorflow/tfjs';
import {
  biLevelRollout,
  completionLogProbs,
  type RolloutFunction,
  score,
  type TrainOptions,
  t2iR1,
  tokenBatch,
  train,
} from 'bicot';
import { adapterReference, type JanusContext, type JanusModel, loadJanus } from 'bicot/models/janus';
import { recordingOptimizer } from '../../bench/bicot/training.js';
import { type Check, fingerprint } from '../../bench/check.js';
import { updateCheck } from '../../bench/hosts/checked-update.js';
import { deterministicWeights } from '../../support/tiny-janus.js';
import { timed } from './phases.js';
import type { JanusProblem } from './problem.js';
import type { JanusRound } from './protocol.js';
import { syntheticJanus } from './synthetic-folder.js';

/** A policy of the problem's size with adapters as after some training; the caller disposes it. */
export async function openJanus(
  { size, adapterScale }: JanusProblem,
  onProgress: (done: number, total: number) => void,
): Promise<JanusModel> {
  const policy = await loadJanus(syntheticJanus(size), {
    lora: { rank: size.rank },
    onProgress: ({ done, total }) => onProgress(done, total),
  });
  // A `[in, r]` and B `[r, out]` are PEFT's `[r, in]` and `[out, r]` turned.
  for (const [name, variable] of Object.entries(policy.adapters?.variables ?? {})) {
    const [rows, columns] = variable.shape as [number, number];
    const factor = name.endsWith('lora_B') ? adapterScale : 1;
    tf.tidy(() => {
      const values = deterministicWeights(`${name}.weight`, [columns, rows]);
      variable.assign(tf.mul(tf.transpose(tf.tensor2d(values, [columns, rows])), factor));
    });
  }
  return policy;
}

type Settings = TrainOptions<number, JanusContext>;

function settingsOf(problem: JanusProblem, policy: JanusModel): Omit<Settings, 'policy' | 'rollout'> {
  return {
    reward: async (samples) => samples.map(({ index }) => score(index)),
    prompts: [0],
    promptsPerStep: 1,
    groupSize: problem.size.group,
    reference: adapterReference(policy, policy.adapters as NonNullable<JanusModel['adapters']>),
    objective: t2iR1({ klWeight: problem.klWeight }),
    learningRate: problem.learningRate,
    maxGradNorm: problem.maxGradNorm,
    microBatch: problem.microBatch,
    steps: Number.MAX_SAFE_INTEGER,
    monitor: false,
  };
}

const imageSampling = ({ guidance }: JanusProblem) =>
  ({ guidance: { scale: guidance, logProbs: 'conditional' } }) as const;

/** What an image is conditioned on. */
const drawContext = (problem: JanusProblem, plan: Iterable<number>): JanusContext => ({
  ids: Int32Array.from([...problem.request, ...plan, problem.tokens.beginImage]),
});

/** Makes steps and times their parts. */
export interface JanusRun {
  step(): Promise<JanusRound>;
  dispose(): Promise<void>;
}

/** A run of bicot's own training loop. @param rowsAtOnce samples decoded side by side */
export function startJanusRun(problem: JanusProblem, model: JanusModel, rowsAtOnce: number): JanusRun {
  const { policy, clock, onProgress } = timed(model);
  const prompt: JanusContext = { ids: Int32Array.from(problem.prompt) };
  const rollout = biLevelRollout<number, JanusContext>({
    ...{ policy, rowsAtOnce },
    semantic: { space: 'text', sampling: { maxTokens: problem.size.planTokens }, context: () => prompt },
    token: {
      ...{ space: 'image', sampling: imageSampling(problem) },
      context: (_, plan) => drawContext(problem, plan.ids),
    },
  });
  // Log-probs of images are of the conditional branch, samples of the guided one: the gap is no fault.
  const steps = train<number, JanusContext>({ ...settingsOf(problem, model), policy, rollout, onProgress });
  return {
    async step() {
      clock.start();
      const { value } = await steps.next();
      if (!value) throw new Error('The training ended.');
      await settled(model);
      const seconds = clock.stop();
      const count = (name: string): number =>
        value.rollout.levels
          .find((level) => level.name === name)
          ?.completion.lengths.reduce((a, b) => a + b, 0) ?? 0;
      return { seconds, tokens: { plan: count('semantic'), image: count('token') } };
    },
    dispose: async () => void (await steps.return()),
  };
}

/** Waits until the device has done what it was told: a read comes after all that was asked before. */
async function settled({ variables }: JanusModel): Promise<void> {
  const first = Object.values(variables)[0] as tf.Variable;
  const one = tf.tidy(() => first.flatten().slice([0], [1]));
  await one.data();
  one.dispose();
}

/** Log-probs, reference's log-probs, loss and gradients of the rollout that is given. */
export async function janusCheck(problem: JanusProblem, policy: JanusModel): Promise<Check> {
  const optimizer = recordingOptimizer();
  const rollout = givenRollout(problem, policy);
  const settings = { ...settingsOf(problem, policy), policy, rollout, optimizer };
  const steps = train<number, JanusContext>({ ...settings, ratioTolerance: Number.POSITIVE_INFINITY });
  const { value } = await steps.next();
  if (!value) throw new Error('The training ended.');
  const check: Record<string, Check[string]> = {
    ...updateCheck(value.metrics, await optimizer.seen),
  };
  await steps.return();
  optimizer.dispose();
  const { levels } = await rollout({
    prompts: [0],
    promptIds: [0],
    groupSize: problem.size.group,
    step: 0,
    seed: 0,
  });
  for (const { name, contexts, completion, space } of levels) {
    for (const [who, on] of [
      ['policy', true],
      ['reference', false],
    ] as const) {
      (policy.adapters as NonNullable<JanusModel['adapters']>).power.on = on;
      // One sample, as all samples at once are more than a backward pass has room for.
      const logProbs = completionLogProbs(policy, {
        contexts: contexts.slice(0, 1),
        completion: tokenBatch([[...completion.ids.subarray(0, completion.lengths[0])]]),
        space,
      });
      check[`${who}'s log-probs of the first ${name}`] = fingerprint(await logProbs.data());
      logProbs.dispose();
    }
    (policy.adapters as NonNullable<JanusModel['adapters']>).power.on = true;
  }
  return check;
}

/** The problem's own tokens, as if the policy had drawn them. */
function givenRollout(problem: JanusProblem, policy: JanusModel): RolloutFunction<number, JanusContext> {
  const { given, planLogProb, size } = problem;
  const level = (
    name: string,
    space: string,
    rows: readonly (readonly number[])[],
    contexts: JanusContext[],
  ) => {
    const completion = tokenBatch(rows);
    return {
      ...{ name, space, policy, completion, contexts, samplesPerRow: 1 },
      behaviourLogProbs: new Float32Array(completion.ids.length).fill(planLogProb),
      entropy: new Float32Array(completion.ids.length),
      sampling: space === 'image' ? imageSampling(problem) : { maxTokens: size.planTokens },
    };
  };
  const prompt: JanusContext = { ids: Int32Array.from(problem.prompt) };
  const plans = level(
    'semantic',
    'text',
    given.plans,
    given.plans.map(() => prompt),
  );
  const images = level(
    ...(['token', 'image', given.images] as const),
    given.plans.map((plan) => drawContext(problem, plan.slice(0, -1))),
  );
  const samples = given.plans.map((_, index) => ({ prompt: 0, group: 0, index, tokens: {} }));
  return async () => ({ prompts: [0], groupSize: size.group, levels: [plans, images], samples });
}
