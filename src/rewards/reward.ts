import type { ByLevel } from '../objective/level-name.js';
import type { RgbImage } from '../policy/policy.js';

/** One finished sample, as a reward sees it. */
export interface Sample<Prompt = unknown> {
  /** The prompt's own data row. */
  readonly prompt: Prompt;
  /** Which group (prompt of the batch) the sample belongs to: `[0, B)`. */
  readonly group: number;
  /** Its place within the group: `[0, G)`. */
  readonly index: number;
  /** The decoded plan, if the rollout has a semantic level whose space decodes text. */
  readonly plan?: string;
  /** The decoded picture, if the rollout has a token level whose space decodes images. */
  readonly image?: RgbImage;
  /** The valid tokens of each level, by level name. */
  readonly tokens: ByLevel<Int32Array>;
}

/** The reward has an opinion. `value` must be finite. */
export interface Score {
  /** Tells it from an abstention and a failure. */
  readonly kind: 'score';
  /** The higher, the better. */
  readonly value: number;
}
/** The reward does not apply to this sample (not a zero: it is left out of the sum, neutrally). */
export interface Abstain {
  /** Tells it from a score and a failure. */
  readonly kind: 'abstain';
  /** Why it does not apply, for logs. */
  readonly reason?: string;
}
/** The reward should have scored but could not (not a zero either). */
export interface Failure {
  /** Tells it from a score and an abstention. */
  readonly kind: 'failure';
  /** What went wrong, for logs and reports. */
  readonly reason: string;
  /** Asking once more can't help: the sample itself is at fault. Default false. */
  readonly permanent?: boolean;
}
/** What a reward returns for one sample. */
export type RewardResult = Score | Abstain | Failure;

/** What a reward is told about a call besides the samples. Rewards that need none of it ignore it. */
export interface RewardCall {
  /** Aborted when nobody waits for the results any more: the call took too long, or the run ends. */
  readonly signal?: AbortSignal;
  /** Told what was done for the results; `resilientReward` and `cachedReward` do. */
  readonly onEvent?: (event: RewardEvent) => void;
}

/** What was done for a reward's results. */
export type RewardEvent =
  | {
      /** A reward was called, by whatever came of it. */
      readonly kind: 'call';
      /** Samples of this call. */
      readonly samples: number;
      /** From 1; above that, samples that failed are asked about again. */
      readonly attempt: number;
      /** Wall time. */
      readonly seconds: number;
      /** Why the call as a whole failed; absent if it did not. */
      readonly error?: string;
    }
  | {
      /** Results were known already. */
      readonly kind: 'cached';
      /** How many. */
      readonly samples: number;
    };

/** An async function over a batch, one result per sample, in order. */
export type RewardFunction<Prompt = unknown> = (
  samples: readonly Sample<Prompt>[],
  call?: RewardCall,
) => Promise<readonly RewardResult[]>;

/** Makes a `Score`. */
export const score = (value: number): Score => ({ kind: 'score', value });
/** Makes an `Abstain`. */
export const abstain = (reason?: string): Abstain =>
  reason === undefined ? { kind: 'abstain' } : { kind: 'abstain', reason };
/**
 * Makes a `Failure`.
 * @param options `permanent`: asking once more can't help
 */
export const failure = (reason: string, { permanent = false }: { permanent?: boolean } = {}): Failure =>
  permanent ? { kind: 'failure', reason, permanent } : { kind: 'failure', reason };
