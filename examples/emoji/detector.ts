import * as tf from '@tensorflow/tfjs';
import type { Detection, RgbImage } from 'bicot';
import type { Atlas } from './atlas.js';
import { boxOf, CELL_VALUES, inkOf } from './cells.js';
import type { Color } from './nouns.js';
import { GRID } from './scene.js';

/** A detection that also says where on the grid, and in which colour. */
export interface SpriteDetection extends Detection {
  readonly cell: number;
  /** Absent: the natural colour. */
  readonly color?: Color;
  /** In [0, 1]: 1 for a perfect sprite, about 0.5 for half of one. */
  readonly score: number;
}

/** What the detector sees in one cell that is not empty. */
export interface CellReading {
  readonly cell: number;
  /** The best explanation's place in the atlas. */
  readonly sprite: number;
  /** How well it explains the cell, in [0, 1]. */
  readonly score: number;
}

/** Less ink than this (mean of a cell's values) is an empty cell. */
const EMPTY = 0.004;

/**
 * Compares every cell of every picture with every sprite. With cells `x` and sprites `t` as ink (0 is white), the
 * score is `1 − |x − t|² / max(|x|², |t|²)`, cut at 0: the share of the ink that the sprite explains.
 * `|x − t|² = |x|² + |t|² − 2 x·t`, so one matrix product `[N·16, 768] × [768, S]` does it for the batch.
 * @returns per picture the cells that are not empty, in reading order
 */
export async function readCells(images: readonly RgbImage[], atlas: Atlas): Promise<CellReading[][]> {
  if (images.length === 0) return [];
  const ink = inkOf(images);
  const templates = templatesOf(atlas);
  const sprites = atlas.sprites.length;
  const product = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(ink, [images.length * GRID * GRID, CELL_VALUES]),
      tf.tensor2d(templates.columns, [CELL_VALUES, sprites]),
    ),
  );
  const products = await product.data();
  product.dispose();
  return images.map((_, image) => {
    const readings: CellReading[] = [];
    for (let cell = 0; cell < GRID * GRID; cell++) {
      const row = image * GRID * GRID + cell;
      const values = ink.subarray(row * CELL_VALUES, (row + 1) * CELL_VALUES);
      if (sum(values) / CELL_VALUES < EMPTY) continue;
      const energy = energyOf(values);
      let best: CellReading = { cell, sprite: 0, score: 0 };
      for (let sprite = 0; sprite < sprites; sprite++) {
        const own = templates.energies[sprite] ?? 0;
        const distance = energy + own - 2 * (products[row * sprites + sprite] ?? 0);
        const score = Math.min(1, 1 - distance / Math.max(energy, own));
        if (score > best.score) best = { cell, sprite, score };
      }
      readings.push(best);
    }
    return readings;
  });
}

/**
 * The sprites in each picture, at most one per cell.
 * @param threshold detections below this score are dropped
 */
export async function detectSprites(
  images: readonly RgbImage[],
  atlas: Atlas,
  threshold = 0.5,
): Promise<SpriteDetection[][]> {
  return (await readCells(images, atlas)).map((readings) => detectionsOf(readings, atlas, threshold));
}

/** Readings as detections. */
function detectionsOf(readings: readonly CellReading[], atlas: Atlas, threshold: number): SpriteDetection[] {
  return readings.flatMap(({ cell, sprite, score }) => {
    const found = atlas.sprites[sprite];
    if (found === undefined || score < threshold) return [];
    const { noun, color } = found;
    return [{ noun, ...(color && { color }), cell, box: boxOf(cell), score }];
  });
}

const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
const energyOf = (values: Float32Array): number => values.reduce((total, value) => total + value * value, 0);

/** The sprites' ink as columns `[768, S]`, and their squared lengths. */
function templatesOf(atlas: Atlas): { columns: Float32Array; energies: number[] } {
  const count = atlas.sprites.length;
  const columns = new Float32Array(CELL_VALUES * count);
  const energies = atlas.sprites.map(({ pixels }, sprite) => {
    const ink = Float32Array.from(pixels, (value) => 1 - value / 255);
    for (let i = 0; i < CELL_VALUES; i++) columns[i * count + sprite] = ink[i] ?? 0;
    return energyOf(ink);
  });
  return { columns, energies };
}
