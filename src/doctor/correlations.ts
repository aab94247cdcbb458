import type { RewardTable } from '../objective/reward-table.js';
import { correlationWithinGroups, pairColumns } from '../rewards/ensemble/statistics.js';

/** How two rewards go together. */
export interface Correlation {
  readonly a: string;
  readonly b: string;
  /** Pearson, of deviations from the group's mean; NaN if one of them never varies. */
  readonly correlation: number;
}

/** Correlations within groups of every pair of rewards, over the samples that both scored. */
export function correlations(tables: readonly RewardTable[], groupSize: number): Correlation[] {
  const names = tables[0]?.names ?? [];
  return names.flatMap((a, i) =>
    names.slice(i + 1).map((b, j) => ({
      a,
      b,
      correlation: correlationWithinGroups(
        tables.map((table) => pairColumns(table, i, i + 1 + j)),
        groupSize,
      ),
    })),
  );
}
