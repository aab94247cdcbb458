import * as tf from '@tensorflow/tfjs';
import type { Problem, ProblemLevel } from '../problem.js';
import { grpoLoss, logProbs, unconditional } from './loss.js';
import type { Weights } from './model.js';
import { sample } from './sample.js';

/** What an update did. */
export interface Updated {
  readonly loss: number;
  /** Before clipping. */
  readonly gradNorm: number;
}

/** GRPO by the book: sample, score the reference, update. */
export interface Trainer {
  /** Both levels, or the image alone, drawn from the policy. */
  rollout(): Promise<ProblemLevel[]>;
  /** One update with a rollout. @param seen is given the clipped gradients, by name */
  update(levels: readonly ProblemLevel[], seen?: (gradients: Weights) => Promise<void>): Promise<Updated>;
  dispose(): void;
}

type Variables = Readonly<Record<string, tf.Variable>>;

/** @param variables trained; stay the caller's */
export function createTrainer(problem: Problem, variables: Variables): Trainer {
  const { adam, config, learningRate, microBatch } = problem;
  const optimizer = tf.train.adam(learningRate, adam.beta1, adam.beta2, adam.epsilon);
  const reference: Record<string, tf.Tensor> = {};
  if (problem.klWeight > 0) {
    for (const [name, variable] of Object.entries(variables)) reference[name] = tf.mul(variable, 1);
  }

  /** Adds a level's gradients to the sums. */
  async function addGradients(level: ProblemLevel, sums: Map<string, tf.Tensor>): Promise<number> {
    const { tokens } = level;
    const tokenCount = tokens.reduce((sum, row) => sum + row.length, 0);
    let loss = 0;
    for (let begin = 0; begin < tokens.length; begin += microBatch) {
      const rows = await withReference(slice(problem, level, begin, begin + microBatch));
      const { value, grads } = tf.variableGrads(
        () => grpoLoss(problem, variables, rows, tokenCount),
        Object.values(variables),
      );
      for (const [name, variable] of Object.entries(variables)) {
        const [old, gradient] = [sums.get(name), grads[variable.name]];
        if (gradient === undefined) continue;
        sums.set(name, old ? tf.add(old, gradient) : gradient);
        if (old) tf.dispose([old, gradient]);
      }
      loss += (await value.data())[0] as number;
      value.dispose();
    }
    return loss;
  }

  async function withReference(rows: ReturnType<typeof slice>) {
    if (problem.klWeight === 0) return rows;
    const scored = tf.tidy(() => logProbs(config, reference, rows));
    const referenceLogProbs = (await scored.array()) as number[][];
    scored.dispose();
    return { ...rows, referenceLogProbs };
  }

  return {
    rollout: () => rollout(problem, variables),
    async update(levels, seen) {
      const sums = new Map<string, tf.Tensor>();
      let loss = 0;
      for (const level of levels) loss += await addGradients(level, sums);
      const [clipped, gradNorm] = await clipByNorm(sums, problem.maxGradNorm);
      await seen?.(clipped);
      const named = Object.entries(clipped).map(([name, tensor]) => ({
        name: (variables[name] as tf.Variable).name,
        tensor: tensor as tf.Variable,
      }));
      optimizer.applyGradients(named);
      tf.dispose(clipped as tf.TensorContainer);
      return { loss, gradNorm };
    },
    dispose() {
      optimizer.dispose();
      tf.dispose(reference);
    },
  };
}

/** Plans and images, or images alone. */
async function rollout(problem: Problem, weights: Weights): Promise<ProblemLevel[]> {
  const { config, groupSize, prompts } = problem;
  const levels: ProblemLevel[] = [];
  let contexts = prompts.flatMap((ids) => new Array<readonly number[]>(groupSize).fill(ids));
  for (const { name, space, sampling } of problem.levels) {
    const image = space === 'image';
    const options = { ...sampling, image, unconditional: unconditional(config) };
    const { tokens, logProbs: oldLogProbs } = await sample(config, weights, contexts, options);
    levels.push({ name, space, sampling, contexts, tokens, oldLogProbs });
    const plans = tokens.map((ids) => ids.filter((id) => id !== config.endToken));
    contexts = contexts.map((ids, n) => [...ids, ...(plans[n] as number[]), problem.imageStart]);
  }
  return levels;
}

/** Some rows of a level, with their advantages. */
function slice(problem: Problem, level: ProblemLevel, begin: number, end: number) {
  const { contexts, tokens, oldLogProbs, sampling, space } = level;
  const [advantages, ofRows] = [problem.advantages.slice(begin, end), oldLogProbs.slice(begin, end)];
  const own = { contexts: contexts.slice(begin, end), tokens: tokens.slice(begin, end) };
  return { ...own, sampling, space, advantages, oldLogProbs: ofRows };
}

/** Disposes what it is given. */
async function clipByNorm(
  gradients: ReadonlyMap<string, tf.Tensor>,
  maxNorm: number,
): Promise<[Weights, number]> {
  const all = [...gradients.values()];
  const square = tf.tidy(() =>
    all.map((gradient) => tf.sum(tf.square(gradient))).reduce((sum, part) => tf.add(sum, part)),
  );
  const norm = Math.sqrt((await square.data())[0] as number);
  const scale = Math.min(1, maxNorm / norm);
  const clipped = Object.fromEntries([...gradients].map(([name, x]) => [name, tf.mul(x, scale)]));
  tf.dispose([square, ...all]);
  return [clipped, norm];
}
