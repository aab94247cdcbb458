import { placed } from './layout.js';
import { GRID, type Scene, type SceneObject } from './scene.js';

/** So many of one kind are drawn before the rest of them is forgotten. */
const ENOUGH = 4;

/**
 * What a draughtsman makes of a plan who draws as he always does: everything in its natural colour, of a crowd four at
 * most, and of two single things, one below the other, the lower one beside the upper one. A plan that asks for none of this is drawn as it is.
 */
export function habitualScene(plan: Scene): Scene {
  const drawn: SceneObject[] = [];
  for (const { noun, cell } of plan.objects) {
    if (drawn.filter((other) => other.noun === noun).length < ENOUGH)
      drawn.push(placed(noun, undefined, cell));
  }
  const [first, second] = drawn;
  if (drawn.length !== 2 || first === undefined || second === undefined) return { objects: drawn };
  if (first.noun === second.noun || rowOf(first) === rowOf(second)) return { objects: drawn };
  const upper = rowOf(first) < rowOf(second) ? first : second;
  const lower = upper === first ? second : first;
  const beside = placed(lower.noun, undefined, besideOf(upper.cell, lower.cell % GRID));
  return { objects: drawn.map((object) => (object === lower ? beside : object)) };
}

const rowOf = ({ cell }: SceneObject): number => Math.floor(cell / GRID);

/** The cell of a cell's row in a column; where that is the cell itself, its neighbour: on the right, at the edge on the left. */
function besideOf(cell: number, column: number): number {
  const own = cell % GRID;
  const free = column !== own ? column : own + 1 < GRID ? own + 1 : own - 1;
  return cell - own + free;
}
