import { type UniformStream, uniformInteger } from 'bicot';
import { freeCells, freeNeighbours, placed } from './layout.js';
import type { Requirement } from './requirement.js';
import type { Scene, SceneObject } from './scene.js';

/** How often the corpus errs, each a probability. */
export interface NoiseRates {
  /** The picture is a stock photo of the right nouns. */
  readonly stock: number;
  /** One detail of the planned scene is wrong (never of a stock photo). */
  readonly sloppy: number;
  /** One object is not drawn as planned; for each object alone. */
  readonly slip: number;
  /** The picture is drawn out of habit (`habit.ts`). Absent: 0. */
  readonly habit?: number;
}

/**
 * The corpus errs as captions of real pictures do. Most pictures in the world were not taken for their caption:
 * they show the right things in the way such things are usually shown (`stock`), or the caption gets one place,
 * number or colour wrong (`sloppy`), and whoever draws a plan does not always follow it (`slip`). A model that fits
 * such a corpus knows every word and every sprite, and still often draws the habitual picture: this is what the
 * reinforcement learning is there to mend, and what a supervised copy of the corpus cannot.
 */
export const NOISE: NoiseRates = { stock: 0.4, sloppy: 0.1, slip: 0.06 };

/** No errors at all. */
export const NO_NOISE: NoiseRates = { stock: 0, sloppy: 0, slip: 0 };

const choose = <T>(items: readonly T[], stream: UniformStream): T =>
  items[uniformInteger(stream, items.length)] as T;

/** The scene with one object replaced, or left out. */
const withObject = (scene: Scene, index: number, object?: SceneObject): Scene => ({
  objects: scene.objects.flatMap((old, i) => (i === index ? (object ? [object] : []) : [old])),
});

/** One object in a wrong place. */
function misplaced(scene: Scene, stream: UniformStream): Scene {
  const index = uniformInteger(stream, scene.objects.length);
  const { noun, color } = scene.objects[index] as SceneObject;
  return withObject(scene, index, placed(noun, color, choose(freeCells(scene.objects), stream)));
}

/** One more or one less of a kind, never none. */
function miscounted(scene: Scene, stream: UniformStream): Scene {
  const index = uniformInteger(stream, scene.objects.length);
  const { noun, color } = scene.objects[index] as SceneObject;
  const others = scene.objects.filter((object) => object.noun === noun).length;
  if (others > 1 && stream() < 0.5) return withObject(scene, index);
  return { objects: [...scene.objects, placed(noun, color, choose(freeCells(scene.objects), stream))] };
}

/** The colours of the two nouns swapped: the wrong binding. */
function miscoloured(scene: Scene): Scene {
  const colors = scene.objects.map(({ color }) => color).reverse();
  return { objects: scene.objects.map(({ noun, cell }, i) => placed(noun, colors[i], cell)) };
}

/** A scene with one detail wrong: the place, the number, or (of two colours) the binding. */
export function sloppyScene(
  { wanted }: Requirement,
  scene: Scene,
  stream: UniformStream,
): { readonly scene: Scene; readonly detail: 'place' | 'count' | 'color' } {
  const [one, other] = wanted.map(({ color }) => color);
  const bound = wanted.length === 2 && one !== undefined && other !== undefined && one !== other;
  const detail = choose(
    bound ? (['place', 'count', 'color'] as const) : (['place', 'count'] as const),
    stream,
  );
  if (detail === 'place') return { scene: misplaced(scene, stream), detail };
  if (detail === 'count') return { scene: miscounted(scene, stream), detail };
  return { scene: miscoloured(scene), detail };
}

/**
 * What is drawn of a planned scene: each object may be left out, land in a free neighbouring cell, or lose its tint.
 * @returns the drawn scene and how many objects slipped
 */
export function slippedScene(
  scene: Scene,
  rate: number,
  stream: UniformStream,
): { readonly scene: Scene; readonly slips: number } {
  let slips = 0;
  const drawn: SceneObject[] = [];
  scene.objects.forEach((object, index) => {
    if (stream() >= rate) {
      drawn.push(object);
      return;
    }
    slips++;
    const kinds = ['missing', 'moved', ...(object.color === undefined ? [] : ['untinted'])];
    const kind = choose(kinds, stream);
    if (kind === 'untinted') drawn.push(placed(object.noun, undefined, object.cell));
    if (kind !== 'moved') return;
    const free = freeNeighbours(object.cell, [...drawn, ...scene.objects.slice(index)]);
    if (free.length > 0) drawn.push(placed(object.noun, object.color, choose(free, stream)));
  });
  return { scene: { objects: drawn }, slips };
}
