import { BicotError } from '../../errors.js';
import type { Objective } from '../../objective/objective.js';
import type { ObjectiveOptions, PresetName } from '../../objective/presets.js';
import type { Policy } from '../../policy/policy.js';
import type { RewardFunction } from '../../rewards/reward.js';
import type { RolloutFunction } from '../../rollout/request.js';
import type { EmaOptions } from '../../train/ema.js';
import type { BackendName } from '../backend.js';

/** A learning rate that rises in a straight line and falls again. */
export interface LearningRate {
  /** The highest, at the end of the warm-up. */
  readonly peak: number;
  /** Default 0. */
  readonly warmupSteps?: number;
  /** At the last step. Default 0. */
  readonly final?: number;
  /** How it falls. Default `linear`. */
  readonly shape?: 'linear' | 'cosine';
}

/** What a run is made with, as plain data. */
export interface RunSettings {
  /** Of the whole run. */
  readonly steps: number;
  /** A number stays the same. */
  readonly learningRate: number | LearningRate;
  /** A preset by name, with options: `{ preset: 'balanced', klWeight: 0.02 }`. Default `t2iR1`. */
  readonly objective?:
    | PresetName
    | ({
        /** The one that the other options change. */
        readonly preset: PresetName;
      } & ObjectiveOptions)
    | Objective;
  /** G. Default 8. */
  readonly groupSize?: number;
  /** B. Default 4. */
  readonly promptsPerStep?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Default: the best installed. */
  readonly backend?: BackendName;
  /** Threads that sample and train. Default 0: none but this one. */
  readonly workers?: number;
  /** Samples per backward pass. Default 16. */
  readonly microBatch?: number;
  /** Default 1. */
  readonly updatesPerRollout?: number;
  /** Default 1. */
  readonly maxGradNorm?: number;
  /** Default: no average. */
  readonly ema?: EmaOptions;
  /** Default: every 50 steps, the last 2, and the best one by `best`. */
  readonly checkpoints?: {
    /** Steps between two. Default 50. */
    readonly every?: number;
    /** The newest so many are kept. Default 2. */
    readonly keepLast?: number;
    /** The member or monitor by whose mean the best checkpoint is kept. Default: none is. */
    readonly best?: string;
  };
  /** Prompts of the evaluation that are drawn through training, the first so many. Default 4, every 50 steps. */
  readonly track?: {
    /** Steps between two pictures of a prompt. Default 50. */
    readonly every?: number;
    /** How many; 0 for none. Default 4. */
    readonly prompts?: number;
  };
  /** The run's folder. Default `runs/` and the configuration's name. */
  readonly out?: string;
}

/** Something that may own tensors. */
export interface MayBeDisposed {
  /** Frees them. */
  dispose?(): void;
}

/** What a run works with, made when its backend runs. */
export interface RunParts<P, C> {
  /** With its first weights; disposed in the end if it can be. */
  readonly policy: Policy<C> & MayBeDisposed;
  /** Samples from `policy`: `biLevelRollout`, `oneLevelRollout` or your own. */
  readonly rollout: RolloutFunction<P, C>;
  /** A reward or a `rewardEnsemble`. */
  readonly reward: RewardFunction<P>;
  /** Visited in shuffled epochs. Not empty. */
  readonly prompts: readonly P[];
  /** A prompt in words. Default: it itself, or what it has under `prompt`. */
  readonly promptText?: (prompt: P) => string;
  /** Words as a prompt, for `bicot sample`. Default: themselves, or a row of T2I-R1's format. */
  readonly promptOf?: (text: string) => P;
  /** What `bicot eval` does. Default: the training's own prompts and reward, which tells little of others. */
  readonly evaluation?: {
    /** Not empty; what is trained on tells little of other prompts. */
    readonly prompts: readonly P[];
    /** Default: the training's. */
    readonly reward?: RewardFunction<P>;
    /** Default 4. */
    readonly samplesPerPrompt?: number;
    /** The type of a prompt. Default: what it has under `task_type`, if anything. */
    readonly by?: (prompt: P) => string;
  };
}

/** A run: `export default defineRun({ … })` in a configuration for `bicot train`. */
export interface RunDefinition<P = unknown, C = unknown> extends RunSettings {
  /** Makes what the run works with. Called once, with the backend running. */
  readonly setup: () => Promise<RunParts<P, C>>;
}

/**
 * A run for the command line, its types checked. Settings are checked when it is loaded.
 * @throws BicotError `value` without a `setup`
 */
export function defineRun<P, C>(definition: RunDefinition<P, C>): RunDefinition<P, C> {
  if (typeof definition?.setup === 'function') return definition;
  throw new BicotError(
    'value',
    'defineRun: there is no setup; expected a function that gives policy, rollout, reward and prompts.',
  );
}
