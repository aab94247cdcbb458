import * as tf from '@tensorflow/tfjs';
import {
  adamW,
  balanced,
  type Gradients,
  grpo,
  type Objective,
  type Optimizer,
  type StepMetrics,
  score,
  type TokenContext,
  train,
} from 'bicot';
import type { TransformerPolicy } from 'bicot/models';
import type { Problem } from '../problem.js';
import { type BicotVariant, trainOptions } from '../variants.js';
import { givenRollout, promptsOf, samplingRollout } from './policy.js';

/** A training run that makes a step when asked. */
export interface Run {
  step(): Promise<StepMetrics>;
  dispose(): Promise<void>;
}

/** Token means of the levels' clipped losses, added up; a KL penalty where the problem has one. */
function objectiveOf({ klWeight }: Problem): Objective {
  return klWeight > 0 ? balanced({ klWeight }) : grpo({ klWeight, normalizer: 'token-mean' });
}

/**
 * bicot's own training loop on a problem.
 * @param sampled whether each step draws a rollout; otherwise all train on the problem's own
 */
export function startRun(
  problem: Problem,
  policy: TransformerPolicy,
  variant: BicotVariant,
  sampled: boolean,
  optimizer: Optimizer = adamW(problem.adam),
): Run {
  const rollout = sampled ? samplingRollout(problem, policy) : givenRollout(problem, policy);
  const steps = train<number, TokenContext>({
    policy,
    rollout,
    reward: async (samples) => samples.map(({ index }) => score(problem.scores[index] as number)),
    prompts: promptsOf(problem),
    promptsPerStep: problem.prompts.length,
    groupSize: problem.groupSize,
    steps: Number.MAX_SAFE_INTEGER,
    objective: objectiveOf(problem),
    learningRate: problem.learningRate,
    optimizer,
    maxGradNorm: problem.maxGradNorm,
    // The problem's old log-probs are not the policy's, on purpose: some ratios must be clipped.
    ratioTolerance: sampled ? 0.1 : Number.POSITIVE_INFINITY,
    monitor: false,
    ...trainOptions(variant, problem.advantages.length, problem.microBatch),
  });
  return {
    async step() {
      const { value } = await steps.next();
      if (!value) throw new Error('The training ended.');
      return value.metrics;
    },
    async dispose() {
      await steps.return();
      optimizer.dispose();
    },
  };
}

/** An optimiser that changes nothing and keeps what it is given. */
export function recordingOptimizer(): Optimizer & {
  readonly seen: Promise<Record<string, ArrayLike<number>>>;
} {
  const reads: Promise<[string, ArrayLike<number>]>[] = [];
  return {
    step: 0,
    update(_, gradients: Gradients) {
      for (const [name, gradient] of Object.entries(gradients)) {
        reads.push(read(name, gradient));
      }
    },
    get seen() {
      return Promise.all(reads).then((entries) => Object.fromEntries(entries));
    },
    state: () => ({}),
    restore() {},
    dispose() {},
  };
}

/** The caller disposes of gradients while they are read. */
async function read(name: string, gradient: tf.Tensor): Promise<[string, ArrayLike<number>]> {
  const kept = tf.keep(gradient.clone());
  const values = (await kept.data()).slice();
  kept.dispose();
  return [name, values];
}
