import { createHash } from 'node:crypto';
import type { PromptRow } from 'bicot';
import type { EmojiSampling } from '../../emoji/experiment.js';
import { samplePrompts } from '../../emoji/prompts.js';
import type { DemoSettings } from '../../emoji/settings.js';
import { BENCH_WEIGHTS } from '../rewards.js';
import { EMOJI_BENCH } from '../world.js';
import { ARMS, type Arm } from './arms.js';

/** What all runs share. Fixed before the runs of `runs/` were made, see PROTOCOL.md. */
export interface PaperSettings extends Omit<DemoSettings, 'promptsPerStep' | 'objective'> {
  /** Rolled out in a step: prompts times samples of each. */
  readonly samplesPerStep: number;
  /** Seeds of the arms of `main`, and of the others. */
  readonly seeds: { readonly main: readonly number[]; readonly others: readonly number[] };
  /** Where the base draws best from the prompt alone (`sweep.ts`, as `baseSampling`: on training prompts). */
  readonly baseSamplingWithoutPlan: EmojiSampling;
  /** Of `best-of-base`: passes over the best samples, and its learning rate. */
  readonly supervised: { readonly epochs: number; readonly learningRate: number };
}

/** The settings of the published runs. */
export const SETTINGS: PaperSettings = {
  steps: 80,
  samplesPerStep: 64,
  groupSize: 8,
  learningRate: 5e-4,
  warmupSteps: 3,
  finalRate: 0.1,
  maxGradNorm: 1,
  microBatch: 16,
  trainingPrompts: 1000,
  evaluationPrompts: 300,
  samplesPerPrompt: 1,
  seeds: { main: [0, 1, 2, 3, 4], others: [0, 1, 2] },
  baseSampling: { semantic: { temperature: 1 }, token: { temperature: 0.2 } },
  baseSamplingWithoutPlan: { semantic: {}, token: { temperature: 0.5, guidance: { scale: 2 } } },
  trainSampling: { semantic: { temperature: 0.7 }, token: { temperature: 0.7 } },
  trainedSampling: { semantic: { temperature: 0.3 }, token: { temperature: 0.2 } },
  supervised: { epochs: 2, learningRate: 5e-4 },
};

/** `--quick`: the main arms with one seed, shorter. Shows that everything runs; its numbers say little. */
export const QUICK: PaperSettings = {
  ...SETTINGS,
  steps: 25,
  evaluationPrompts: 96,
  seeds: { main: [0], others: [] },
};

/** The held-out prompts of every evaluation, as many of each kind. */
export function evaluationPrompts({ evaluationPrompts: count }: PaperSettings): PromptRow[] {
  return samplePrompts('heldout', count, 2026, { world: EMOJI_BENCH });
}

/** The steps of an arm: with several updates of each rollout so many fewer rollouts, so that updates stay as many. */
export const stepsOf = ({ updatesPerRollout = 1 }: Arm, { steps }: PaperSettings): number =>
  Math.round(steps / updatesPerRollout);

/** What a run must agree in with the runs beside it: all settings, its arm, the rewards' weights and the base. */
export function protocolHash(settings: PaperSettings, arm: Arm, baseSha256: string): string {
  const { seeds: _, ...shared } = settings;
  const all = JSON.stringify({ shared, arm, weights: BENCH_WEIGHTS, baseSha256 });
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}

/** One run to make. */
export interface PlannedRun {
  readonly arm: Arm;
  readonly seed: number;
}

/** All runs, seed by seed, those of the main comparison first. */
export function plannedRuns({ seeds }: PaperSettings): PlannedRun[] {
  const runsOf = (main: boolean, list: readonly number[]): PlannedRun[] =>
    list.flatMap((seed) =>
      ARMS.filter(({ question }) => (question === 'main') === main).map((arm) => ({ arm, seed })),
    );
  return [...runsOf(true, seeds.main), ...runsOf(false, seeds.others)];
}
