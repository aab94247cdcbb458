import { BicotError } from '../errors.js';
import { abstain, failure, type RewardResult, score } from '../rewards/reward.js';
import type { EvaluatedSample, Evaluation } from '../train/evaluate.js';

/** What is looked at in one sample: a score, an abstention or a failure. */
export type Measure<P = unknown> = (sample: EvaluatedSample<P>) => RewardResult;

/** By the names that tables show. */
export type Measures<P = unknown> = Readonly<Record<string, Measure<P>>>;

/**
 * What an evaluation measured: `total`, then the trained rewards, then the monitors. Spread them beside measures of your
 * own, or pick some of them.
 * @throws BicotError `value` if a reward is called `total`
 */
export function rewardMeasures<P>({ members, monitors }: Evaluation<P>): Measures<P> {
  const trained = Object.keys(members);
  const names = [...trained, ...Object.keys(monitors)];
  if (names.includes('total')) {
    throw new BicotError(
      'value',
      "rewardMeasures: a reward is called 'total', as the total of all rewards is. Call it something else, or pass measures of your own.",
    );
  }
  const said = (name: string): Measure<P> => {
    return ({ results }) => results[name] ?? failure(`'${name}' said nothing about this sample`);
  };
  return {
    total: (sample) => totalOf(sample, trained),
    ...Object.fromEntries(names.map((name) => [name, said(name)])),
  };
}

/**
 * What a measure says about a sample.
 * @throws BicotError `value` if that is a score that is no finite number
 */
export function measured<P>(name: string, measure: Measure<P>, sample: EvaluatedSample<P>): RewardResult {
  const result = measure(sample);
  if (result.kind !== 'score' || Number.isFinite(result.value)) return result;
  throw new BicotError(
    'value',
    `measure '${name}' gave prompt ${sample.promptIndex} the score ${result.value}; a score is a finite number. Return abstain() or failure() where there is none.`,
  );
}

/** The score; NaN for an abstention or a failure. */
export const scoreOf = (result: RewardResult): number =>
  result.kind === 'score' ? result.value : Number.NaN;

/** A sample has no total if a trained reward failed on it, or if all of them abstained. */
function totalOf<P>({ total, results }: EvaluatedSample<P>, trained: readonly string[]): RewardResult {
  if (Number.isFinite(total)) return score(total);
  const failed = trained.find((name) => results[name]?.kind === 'failure');
  if (failed === undefined) return abstain('every reward abstained');
  const { reason } = results[failed] as { readonly reason: string };
  return failure(`${failed}: ${reason}`);
}
