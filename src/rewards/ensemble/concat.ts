import type { RewardTable } from '../../objective/reward-table.js';
import type { CallStatistics } from './report.js';
import type { EnsembleResult } from './result.js';

/**
 * What an ensemble said about several batches, as if they had been one. Calls and seconds add up.
 * @param parts results of the same ensemble; not empty
 */
export function concatEnsembleResults(parts: readonly [EnsembleResult, ...EnsembleResult[]]): EnsembleResult {
  const [first] = parts;
  if (parts.length === 1) return first;
  const offsets = parts.map((_, at) => parts.slice(0, at).reduce((rows, { table }) => rows + table.rows, 0));
  const shifted = <T extends { readonly sample: number }>(lists: readonly (readonly T[])[]): T[] =>
    lists.flatMap((list, at) =>
      list.map((one) => ({ ...one, sample: one.sample + (offsets[at] as number) })),
    );
  const byMember = <T>(join: (name: string) => T): Record<string, T> =>
    Object.fromEntries(Object.keys(first.results).map((name) => [name, join(name)]));
  return {
    ...first,
    table: concatTables(parts.map(({ table }) => table)),
    total: concatNumbers(parts.map(({ total }) => total)),
    monitors: concatTables(parts.map(({ monitors }) => monitors)),
    results: byMember((name) => parts.flatMap(({ results }) => results[name] ?? [])),
    dropped: shifted(parts.map(({ dropped }) => dropped)),
    failures: shifted(parts.map(({ failures }) => failures)),
    calls: byMember((name) => addCalls(parts.map(({ calls }) => calls[name] as CallStatistics))),
  };
}

function addCalls(parts: readonly CallStatistics[]): CallStatistics {
  const sum = (of: (part: CallStatistics) => number): number =>
    parts.reduce((all, part) => all + of(part), 0);
  return {
    calls: sum(({ calls }) => calls),
    retries: sum(({ retries }) => retries),
    failedCalls: sum(({ failedCalls }) => failedCalls),
    cached: sum(({ cached }) => cached),
    seconds: sum(({ seconds }) => seconds),
    slowest: Math.max(...parts.map(({ slowest }) => slowest)),
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
