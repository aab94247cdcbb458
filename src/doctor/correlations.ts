import type { RewardTable } from '../objective/combine.js';
import { nanMoments } from '../objective/statistics.js';

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
    names.slice(i + 1).map((b, j) => ({ a, b, correlation: correlate(tables, groupSize, i, i + 1 + j) })),
  );
}

function correlate(tables: readonly RewardTable[], groupSize: number, a: number, b: number): number {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (const { values, names, rows } of tables) {
    for (let start = 0; start < rows; start += groupSize) {
      const pairs = Array.from({ length: Math.min(groupSize, rows - start) }, (_, i) => ({
        x: values[(start + i) * names.length + a] as number,
        y: values[(start + i) * names.length + b] as number,
      })).filter(({ x, y }) => !Number.isNaN(x) && !Number.isNaN(y));
      const { mean: meanX } = nanMoments(pairs.map(({ x }) => x));
      const { mean: meanY } = nanMoments(pairs.map(({ y }) => y));
      for (const { x, y } of pairs) {
        ab += (x - meanX) * (y - meanY);
        aa += (x - meanX) ** 2;
        bb += (y - meanY) ** 2;
      }
    }
  }
  return ab / Math.sqrt(aa * bb);
}
