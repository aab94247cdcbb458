import { shuffled, type UniformStream, uniformInteger } from 'bicot';
import { cellsRelate, LOCALITY_MEANINGS, type Relation } from './localities.js';
import type { Requirement } from './requirement.js';
import { CELLS, GRID, type Scene, type SceneObject } from './scene.js';

const ALL_CELLS: readonly number[] = CELLS.map((_, cell) => cell);

/** All (first, second) cells that stand in a relation. */
export function cellPairs(relation: Relation): (readonly [number, number])[] {
  return ALL_CELLS.flatMap((first) =>
    ALL_CELLS.filter((second) => cellsRelate(relation, first, second)).map(
      (second) => [first, second] as const,
    ),
  );
}

/** A uniformly random layout among those that meet a requirement. */
export function honestScene({ wanted, relation }: Requirement, stream: UniformStream): Scene {
  const kinds = wanted.flatMap((kind) => Array.from({ length: kind.count }, () => kind));
  const meaning = relation && LOCALITY_MEANINGS[relation.locality];
  if (relation === undefined || meaning === undefined) {
    const cells = shuffled(ALL_CELLS, stream);
    return { objects: kinds.map(({ noun, color }, i) => placed(noun, color, cells[i] ?? 0)) };
  }
  const pairs = cellPairs(meaning);
  const [first, second] = pairs[uniformInteger(stream, pairs.length)] ?? [0, 1];
  const related = new Map([
    [relation.first, first],
    [relation.second, second],
  ]);
  // Kinds beyond the two stand wherever there is room.
  const others = kinds.filter(({ noun }) => !related.has(noun));
  const room = ALL_CELLS.filter((cell) => cell !== first && cell !== second);
  const free = others.length > 0 ? shuffled(room, stream) : room;
  let next = 0;
  return {
    objects: kinds.map(({ noun, color }) => placed(noun, color, related.get(noun) ?? free[next++] ?? 0)),
  };
}

/** The middle of the picture, where stock photos have their subjects: b2, b3, then the row below. */
const MIDDLE = [5, 6, 9, 10] as const;

/**
 * The habitual picture of a requirement's nouns: natural colours, side by side in the middle, the first noun on the
 * left; of a single noun always a pair, whatever was asked for.
 */
export function stockScene({ wanted }: Requirement): Scene {
  const nouns = wanted.map(({ noun }) => noun);
  const shown = nouns.length === 1 ? [...nouns, ...nouns] : nouns;
  return {
    objects: shown.slice(0, MIDDLE.length).map((noun, i) => placed(noun, undefined, MIDDLE[i] ?? 0)),
  };
}

/** An object without an undefined colour field. */
export function placed(noun: string, color: SceneObject['color'], cell: number): SceneObject {
  return color === undefined ? { noun, cell } : { noun, color, cell };
}

/** The cells that hold nothing. */
export function freeCells(objects: readonly SceneObject[]): number[] {
  return ALL_CELLS.filter((cell) => objects.every((object) => object.cell !== cell));
}

/** The free ones of the eight cells around a cell. */
export function freeNeighbours(cell: number, objects: readonly SceneObject[]): number[] {
  return freeCells(objects).filter((other) => {
    const dx = (other % GRID) - (cell % GRID);
    const dy = Math.floor(other / GRID) - Math.floor(cell / GRID);
    return Math.max(Math.abs(dx), Math.abs(dy)) === 1;
  });
}
