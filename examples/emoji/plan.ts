import { spriteName } from './atlas.js';
import { isColor, isDrawable } from './nouns.js';
import { CELLS, cellName, type Scene, type SceneObject } from './scene.js';

/** The most tokens of a plan, its end token included. */
export const PLAN_TOKENS = 16;

/**
 * A scene in words, the semantic level's text: per kind of object `[colour] noun cell cell …`, for example
 * `red car a1 stop sign b2 c4`. Kinds stand in the order of the scene's objects, cells in reading order.
 */
export function planOf(scene: Scene): string {
  const cells = new Map<string, number[]>();
  for (const object of scene.objects) {
    const kind = spriteName(object);
    cells.set(kind, [...(cells.get(kind) ?? []), object.cell]);
  }
  return [...cells]
    .map(([kind, taken]) => [kind, ...taken.sort((a, b) => a - b).map(cellName)].join(' '))
    .join(' ');
}

/** A plan's length in tokens, with its end token. */
export function planTokens(plan: string): number {
  return plan.split(' ').length + 1;
}

/**
 * The scene a plan describes.
 * @returns nothing for a text that is not a plan: an unknown kind, a kind without a cell, a cell taken twice
 */
export function parsePlan(text: string): Scene | undefined {
  const objects: SceneObject[] = [];
  let kind: string[] = [];
  let placed = false;
  for (const word of text.trim().split(/\s+/)) {
    const cell = CELLS.indexOf(word);
    if (cell < 0) {
      kind = placed ? [word] : [...kind, word];
      placed = false;
      continue;
    }
    const object = objectOf(kind, cell);
    if (object === undefined || objects.some((other) => other.cell === cell)) return undefined;
    objects.push(object);
    placed = true;
  }
  return placed ? { objects } : undefined;
}

function objectOf(kind: readonly string[], cell: number): SceneObject | undefined {
  const [first, ...rest] = kind;
  const color = first !== undefined && isColor(first) ? first : undefined;
  const noun = (color === undefined ? kind : rest).join(' ');
  if (!isDrawable(noun, color)) return undefined;
  return color === undefined ? { noun, cell } : { noun, color, cell };
}
