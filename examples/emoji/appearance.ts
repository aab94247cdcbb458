import type { RgbImage } from 'bicot';
import type { Atlas } from './atlas.js';
import { CELL_VALUES, inkOf } from './cells.js';
import type { Color } from './nouns.js';
import { CELL, GRID } from './scene.js';

/** Squares of the silhouette's side. */
const SHAPE = 8;

/** Silhouettes closer than this are one. */
const SAME_SHAPE = 1;

/** What a cell looks like, shape and colour apart. */
interface Look {
  /** `[8, 8]`: how much of each square is drawn on, whatever the colour. */
  readonly shape: readonly number[];
  /** Mean colour of what is drawn, as (red − green, blue − yellow, lightness). */
  readonly hue: readonly [number, number, number];
  /** Share of the cell that is drawn on. */
  readonly area: number;
}

/** Looks of the atlas, by noun. */
export interface Wardrobe {
  /** More than one where tints draw a pale thing's outline anew. */
  readonly shapes: ReadonlyMap<string, readonly (readonly number[])[]>;
  readonly hues: ReadonlyMap<string, ReadonlyMap<Color | 'natural', Look['hue']>>;
}

function lookOf(ink: Float32Array): Look {
  const shape = new Array<number>(SHAPE * SHAPE).fill(0);
  const color = [0, 0, 0];
  let drawn = 0;
  for (let i = 0; i < CELL * CELL; i++) {
    const [r, g, b] = [ink[i * 3] ?? 0, ink[i * 3 + 1] ?? 0, ink[i * 3 + 2] ?? 0];
    const weight = Math.min(1, 4 * Math.max(r, g, b));
    const [x, y] = [i % CELL, Math.floor(i / CELL)];
    const square = Math.floor((y * SHAPE) / CELL) * SHAPE + Math.floor((x * SHAPE) / CELL);
    shape[square] = (shape[square] ?? 0) + weight * (SHAPE / CELL) ** 2;
    [r, g, b].forEach((value, c) => {
      color[c] = (color[c] ?? 0) + weight * (1 - value);
    });
    drawn += weight;
  }
  const [r, g, b] = color.map((value) => value / Math.max(drawn, 1e-6)) as [number, number, number];
  return { shape, hue: [r - g, b - (r + g) / 2, (r + g + b) / 3], area: drawn / CELL ** 2 };
}

/** The looks of every noun in every colour. */
export function wardrobeOf(atlas: Atlas): Wardrobe {
  const shapes = new Map<string, readonly (readonly number[])[]>();
  const hues = new Map<string, Map<Color | 'natural', Look['hue']>>();
  for (const { noun, color, pixels } of atlas.sprites) {
    const look = lookOf(Float32Array.from(pixels, (value) => 1 - value / 255));
    const known = shapes.get(noun) ?? [];
    if (nearest(look.shape, known) > SAME_SHAPE) shapes.set(noun, [...known, look.shape]);
    hues.set(noun, (hues.get(noun) ?? new Map()).set(color ?? 'natural', look.hue));
  }
  return { shapes, hues };
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);

const nearest = (shape: readonly number[], known: readonly (readonly number[])[]): number =>
  known.reduce((least, other) => Math.min(least, distance(shape, other)), Number.POSITIVE_INFINITY);

/** How sure a look is of being one of several: softmax of `−distance/temperature`. */
function confidence(own: number, all: readonly number[], temperature: number): number {
  const least = Math.min(...all);
  const weight = (value: number) => Math.exp((least - value) / temperature);
  return weight(own) / all.reduce((sum, value) => sum + weight(value), 0);
}

/**
 * The probability of "yes" to "is there a red car?": the most convincing cell's, where shape and colour must both
 * convince. It looks at silhouettes and mean colours only, unlike the detector, which compares pixels.
 * @param color absent: any colour will do
 */
export function probabilityOf(
  image: RgbImage,
  question: { readonly noun: string; readonly color?: Color },
  { shapes, hues }: Wardrobe,
): number {
  const ink = inkOf([image]);
  const ownShapes = shapes.get(question.noun);
  const ownHues = hues.get(question.noun);
  if (ownShapes === undefined || ownHues === undefined) return 0;
  let best = 0;
  for (let cell = 0; cell < GRID * GRID; cell++) {
    const look = lookOf(ink.subarray(cell * CELL_VALUES, (cell + 1) * CELL_VALUES));
    if (look.area < 0.02) continue;
    const toShape = nearest(look.shape, ownShapes);
    const fits = Math.exp(-toShape / 8);
    if (fits <= best) continue; // cannot win any more
    const toShapes = [...shapes.values()].map((known) => nearest(look.shape, known));
    const isShape = fits * confidence(toShape, toShapes, 0.5);
    const ownHue = question.color && ownHues.get(question.color);
    const toHues = [...ownHues.values()].map((hue) => distance(look.hue, hue));
    const isHue =
      question.color === undefined
        ? 1
        : ownHue === undefined
          ? 0
          : confidence(distance(look.hue, ownHue), toHues, 0.01);
    best = Math.max(best, isShape * isHue);
  }
  return best;
}
