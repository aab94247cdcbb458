import { evaluateReward } from '../../rewards/ensemble/ensemble.js';
import type { EnsembleResult } from '../../rewards/ensemble/result.js';
import type { RewardFunction, RewardResult, Sample } from '../../rewards/reward.js';

/** How a member's scores differ between two identical calls. */
export interface Noise {
  /** The largest difference. */
  readonly worst: number;
  /** Standard deviation of one call around the mean of many. */
  readonly std: number;
}

/** A reward and what to try it on. */
export interface RewardSubject<P> {
  readonly reward: RewardFunction<P>;
  /** `[N]`, in groups side by side. */
  readonly samples: readonly Sample<P>[];
  /** G. */
  readonly groupSize: number;
  /** What the checks remember for those after them. */
  readonly memory: {
    /** The first evaluation of all samples. */
    first?: EnsembleResult;
    /** The samples that the first evaluation was given, and a copy made before. */
    given?: { readonly samples: readonly Sample<P>[]; readonly before: readonly Sample<P>[] };
    /** By member. */
    noise: ReadonlyMap<string, Noise>;
    /** Whether results changed their kind between two identical calls. */
    flaky: boolean;
  };
}

/** What every member said about every sample; a plain function is one member. */
export type Opinions = Readonly<Record<string, readonly RewardResult[]>>;

/**
 * Evaluates a reward as training does, on copies of the samples, so that one evaluation can't spoil the next. The
 * prompts stay the very objects, as a reward may look things up by them.
 */
export function evaluate<P>(
  { reward }: RewardSubject<P>,
  samples: readonly Sample<P>[],
): Promise<EnsembleResult> {
  return evaluateReward(reward, samples.map(copySample));
}

/** The same prompt, and copies of everything else. */
export function copySample<P>(sample: Sample<P>): Sample<P> {
  const { image, tokens } = sample;
  return {
    ...sample,
    tokens: Object.fromEntries(Object.entries(tokens).map(([level, ids]) => [level, ids.slice()])),
    ...(image && { image: { ...image, data: image.data.slice() } }),
  };
}

/** The first evaluation. Only for checks that need the one that makes it. */
export function firstOf<P>({ memory }: RewardSubject<P>): EnsembleResult {
  if (memory.first === undefined) throw new Error('checkReward: no evaluation yet');
  return memory.first;
}
