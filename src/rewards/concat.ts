import type { RewardTable } from '../objective/combine.js';
import type { EnsembleResult } from './ensemble.js';

/**
 * What an ensemble said about several batches, as if they had been one. Seconds add up.
 * @param parts results of the same ensemble; not empty
 */
export function concatEnsembleResults(parts: readonly EnsembleResult[]): EnsembleResult {
  const [first, ...rest] = parts as readonly [EnsembleResult, ...EnsembleResult[]];
  return rest.reduce(
    (all, part): EnsembleResult => ({
      ...all,
      table: concatTables(all.table, part.table),
      total: concatNumbers(all.total, part.total),
      monitors: concatTables(all.monitors, part.monitors),
      results: Object.fromEntries(
        Object.entries(all.results).map(([name, results]) => [
          name,
          [...results, ...(part.results[name] ?? [])],
        ]),
      ),
      failures: [
        ...all.failures,
        ...part.failures.map((failed) => ({ ...failed, sample: failed.sample + all.table.rows })),
      ],
      seconds: Object.fromEntries(
        Object.entries(all.seconds).map(([name, seconds]) => [name, seconds + (part.seconds[name] ?? 0)]),
      ),
    }),
    first,
  );
}

function concatTables(a: RewardTable, b: RewardTable): RewardTable {
  return { names: a.names, values: concatNumbers(a.values, b.values), rows: a.rows + b.rows };
}

function concatNumbers(a: Float64Array, b: Float64Array): Float64Array {
  const joined = new Float64Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
