import { GRID } from './scene.js';

/** What a wording of a place means on the grid. */
export type Relation = 'left' | 'right' | 'above' | 'below' | 'near';

/** The wordings of T2I-R1's prompt data, and their meanings. */
export const LOCALITY_MEANINGS: Readonly<Record<string, Relation>> = {
  'left of': 'left',
  'on the left of': 'left',
  'right of': 'right',
  'on the right of': 'right',
  above: 'above',
  'on the top of': 'above',
  below: 'below',
  'on the bottom of': 'below',
  'next to': 'near',
  'on side of': 'near',
  near: 'near',
};

/** The eleven wordings, in a stable order. */
export const WORLD_LOCALITIES: readonly string[] = Object.keys(LOCALITY_MEANINGS);

/**
 * Whether the object in cell `first` stands at that place of the object in cell `second`: in a direction if it
 * is farther away along it than across it, near if it is in one of the eight cells around.
 */
export function cellsRelate(relation: Relation, first: number, second: number): boolean {
  const dx = (second % GRID) - (first % GRID);
  const dy = Math.floor(second / GRID) - Math.floor(first / GRID);
  if (relation === 'near') return Math.max(Math.abs(dx), Math.abs(dy)) === 1;
  const along = { left: dx, right: -dx, above: dy, below: -dy }[relation];
  return along > Math.abs(relation === 'left' || relation === 'right' ? dy : dx);
}
