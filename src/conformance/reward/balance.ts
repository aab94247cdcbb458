import { prepareTable } from '../../objective/total.js';
import type { EnsembleResult } from '../../rewards/ensemble/result.js';
import { type Measured, note, ok, warning } from '../check-result.js';
import { short } from './compare.js';
import { groupSpreads } from './moments.js';

/** Share of the spread from which on one member is the only one that is heard. */
const DOMINANT = 0.9;

/**
 * How much of what trains comes from each member: `|weight| · std` within groups, as that is what a weighted sum
 * makes of it. Where rewards are standardised first, only the weights count.
 */
export function measureBalance(evaluation: EnsembleResult, groupSize: number): Measured {
  const { table, weights, aggregation } = evaluation;
  const { columns } = prepareTable('balance', table, { ...evaluation, groupSize });
  const standardised = aggregation === 'normalize-then-sum';
  const parts = table.names.map((name, k) => {
    const spreads = groupSpreads(columns[k] as Float64Array, groupSize);
    const std =
      spreads.length === 0 ? 0 : Math.sqrt(spreads.reduce((sum, s) => sum + s * s, 0) / spreads.length);
    const weight = Math.abs(weights[k] as number);
    return { name, spread: standardised ? (std > 0 ? weight : 0) : weight * std };
  });
  const total = parts.reduce((sum, { spread }) => sum + spread, 0);
  if (total === 0) return note('not measured: no member differs within a group');
  const sorted = [...parts].sort((a, b) => b.spread - a.spread);
  const [largest, smallest] = [sorted[0], sorted[sorted.length - 1]] as [
    (typeof parts)[0],
    (typeof parts)[0],
  ];
  const shares = sorted
    .map(({ name, spread }) => `${name} ${Math.round((100 * spread) / total)} %`)
    .join(', ');
  const ratio =
    smallest.spread > 0
      ? `; the largest is ${short(largest.spread / smallest.spread)} times the smallest`
      : '';
  const detail = `share of the ${standardised ? 'weights' : 'weighted spread within groups'}: ${shares}${ratio}`;
  return largest.spread / total > DOMINANT ? warning(detail) : ok(detail);
}
