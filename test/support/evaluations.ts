import type { EvaluatedSample, Evaluation, RewardResult } from 'bicot';
import { nanMoments } from '../../src/objective/statistics.js';
import { memberStatistics } from '../../src/rewards/ensemble/statistics.js';

type Results = readonly (readonly RewardResult[])[];

/** What was said about samples, `[prompts][samples]`. */
export interface EvaluationCase {
  readonly prompts: readonly string[];
  readonly total: readonly (readonly number[])[];
  readonly members: Readonly<Record<string, Results>>;
  readonly monitors?: Readonly<Record<string, Results>>;
  readonly seed?: number;
}

/** An evaluation that says this, as `evaluate` would have returned it. */
export function evaluationOf({
  prompts,
  total,
  members,
  monitors = {},
  seed = 0,
}: EvaluationCase): Evaluation<string> {
  const all = Object.entries({ ...members, ...monitors });
  const samples = prompts.flatMap((prompt, promptIndex): EvaluatedSample<string>[] =>
    (total[promptIndex] as readonly number[]).map((value, index) => ({
      sample: { prompt, group: promptIndex, index, tokens: {} },
      promptIndex,
      total: value,
      results: Object.fromEntries(
        all.map(([name, results]) => [name, results[promptIndex]?.[index] as RewardResult]),
      ),
    })),
  );
  const statistics = (of: Readonly<Record<string, Results>>) =>
    Object.fromEntries(Object.entries(of).map(([name, results]) => [name, memberStatistics(results.flat())]));
  return {
    ...{ samples, seed, seconds: 1, total: nanMoments(samples.map((sample) => sample.total)) },
    ...{ members: statistics(members), monitors: statistics(monitors) },
  };
}
