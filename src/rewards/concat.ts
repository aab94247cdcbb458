import type { RewardTable } from '../objective/combine.js';
import type { EnsembleResult } from './ensemble.js';

/**
 * What an ensemble said about several batches, as if they had been one. Seconds add up.
 * @param parts results of the same ensemble; not empty
 */
export function concatEnsembleResults(parts: readonly [EnsembleResult, ...EnsembleResult[]]): EnsembleResult {
  const [first] = parts;
  if (parts.length === 1) return first;
  let before = 0;
  const failures = parts.flatMap((part) => {
    const offset = before;
    before += part.table.rows;
    return part.failures.map((failed) => ({ ...failed, sample: failed.sample + offset }));
  });
  const byMember = <T>(join: (name: string) => T): Record<string, T> =>
    Object.fromEntries(Object.keys(first.results).map((name) => [name, join(name)]));
  return {
    ...first,
    table: concatTables(parts.map(({ table }) => table)),
    total: concatNumbers(parts.map(({ total }) => total)),
    monitors: concatTables(parts.map(({ monitors }) => monitors)),
    results: byMember((name) => parts.flatMap(({ results }) => results[name] ?? [])),
    failures,
    seconds: byMember((name) => parts.reduce((sum, { seconds }) => sum + (seconds[name] ?? 0), 0)),
  };
}

function concatTables(tables: readonly RewardTable[]): RewardTable {
  return {
    names: tables[0]?.names ?? [],
    values: concatNumbers(tables.map(({ values }) => values)),
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
  };
}

function concatNumbers(parts: readonly Float64Array[]): Float64Array {
  return Float64Array.from(parts.flatMap((part) => [...part]));
}
