import type { RgbImage } from 'bicot';
import { type Atlas, spriteOf } from './atlas.js';
import type { Color } from './nouns.js';

/** Cells of the grid's side. */
export const GRID = 4;
/** Pixels of a cell's side. */
export const CELL = 16;
/** Pixels of a picture's side. */
export const PICTURE = GRID * CELL;

/** One thing in one cell. */
export interface SceneObject {
  /** One of `NOUNS`, by its word or words: `hot dog`. */
  readonly noun: string;
  /** Absent: its natural colour. */
  readonly color?: Color;
  /** `0..15` in reading order: a1, a2, … d4. */
  readonly cell: number;
}

/** What a picture shows. No two objects share a cell. */
export interface Scene {
  /** At most `GRID²`; their order changes nothing about the picture. */
  readonly objects: readonly SceneObject[];
}

/** A cell's name: the row's letter from the top, the column's number from the left. */
export function cellName(cell: number): string {
  return `${'abcd'[Math.floor(cell / GRID)]}${(cell % GRID) + 1}`;
}

/** The names of all cells, in reading order. */
export const CELLS: readonly string[] = Array.from({ length: GRID * GRID }, (_, cell) => cellName(cell));

/** Where the `y`th line of a cell begins in a picture's `[64, 64, 3]` values. */
export function cellLine(cell: number, y: number): number {
  const [left, top] = [(cell % GRID) * CELL, Math.floor(cell / GRID) * CELL];
  return ((top + y) * PICTURE + left) * 3;
}

/** Copies `[16, 16, 3]` pixels into a cell of a picture. */
export function paintCell(picture: RgbImage, cell: number, pixels: Uint8Array): void {
  for (let y = 0; y < CELL; y++) {
    const row = pixels.subarray(y * CELL * 3, (y + 1) * CELL * 3);
    picture.data.set(row, cellLine(cell, y));
  }
}

/**
 * Draws a scene on white.
 * @returns a 64×64 picture
 * @throws BicotError `value` if the atlas lacks a sprite
 */
export function renderScene(scene: Scene, atlas: Atlas): RgbImage {
  const picture: RgbImage = {
    width: PICTURE,
    height: PICTURE,
    data: new Uint8Array(PICTURE * PICTURE * 3).fill(255),
  };
  for (const object of scene.objects) paintCell(picture, object.cell, spriteOf(atlas, object).pixels);
  return picture;
}
