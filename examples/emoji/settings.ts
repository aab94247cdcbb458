import { balanced, type Objective } from 'bicot';
import type { EmojiSampling } from './experiment.js';

/** Everything that the demo's result depends on, besides the seed and the base model. */
export interface DemoSettings {
  /** Of training. Default 65. */
  readonly steps: number;
  /** B. Default 4. */
  readonly promptsPerStep: number;
  /** G. Default 16. */
  readonly groupSize: number;
  /** The highest, after the warm-up. Default 5e-4. */
  readonly learningRate: number;
  /** In which the rate rises to its highest. Default 3. */
  readonly warmupSteps: number;
  /** The last step's rate, relative to the first ones'. */
  readonly finalRate: number;
  /** Gradients are scaled down to this global norm. Default 1. */
  readonly maxGradNorm: number;
  /** Samples per backward pass: memory, not results. Default 16. */
  readonly microBatch: number;
  /** Default `balanced`, with a KL weight of 0.01. */
  readonly objective: Objective;
  /** Different prompts to train on. */
  readonly trainingPrompts: number;
  /** Held-out prompts of each evaluation. */
  readonly evaluationPrompts: number;
  /** In an evaluation. Default 4. */
  readonly samplesPerPrompt: number;
  /** Where the base draws best: found by `sweep.ts`, recorded in `base/sweep.json`. */
  readonly baseSampling: EmojiSampling;
  /** What training samples from, and trains. */
  readonly trainSampling: EmojiSampling;
  /** How the trained model is evaluated: cooler than it was trained, chosen once for all seeds. */
  readonly trainedSampling: EmojiSampling;
}

/** The demo's settings. */
export function demoSettings(changes: Partial<DemoSettings> = {}): DemoSettings {
  return {
    steps: 65,
    promptsPerStep: 4,
    groupSize: 16,
    learningRate: 5e-4,
    warmupSteps: 3,
    finalRate: 0.1,
    maxGradNorm: 1,
    microBatch: 16,
    objective: balanced({ klWeight: 0.01 }),
    trainingPrompts: 1000,
    evaluationPrompts: 100,
    samplesPerPrompt: 4,
    baseSampling: { semantic: { temperature: 0.7 }, token: { temperature: 0.2 } },
    trainSampling: { semantic: { temperature: 0.7 }, token: { temperature: 0.4 } },
    trainedSampling: { semantic: { temperature: 0.3 }, token: { temperature: 0.2 } },
    ...changes,
  };
}
