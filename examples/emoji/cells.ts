import { BicotError, type Box, type RgbImage } from 'bicot';
import { CELL, cellLine, GRID, PICTURE } from './scene.js';

/** Values of one cell. */
export const CELL_VALUES = CELL * CELL * 3;

/**
 * How far each value is from white, cell by cell: `[N·16, 768]`, in [0, 1]. Empty cells are all zero.
 * @throws BicotError `shape` for a picture of another size
 */
export function inkOf(images: readonly RgbImage[]): Float32Array {
  const ink = new Float32Array(images.length * GRID * GRID * CELL_VALUES);
  let at = 0;
  for (const { width, height, data } of images) {
    if (width !== PICTURE || height !== PICTURE) {
      throw new BicotError(
        'shape',
        `the picture has ${width}×${height} pixels; expected ${PICTURE}×${PICTURE}. Decode with this world's codebook.`,
      );
    }
    for (let cell = 0; cell < GRID * GRID; cell++) {
      for (let y = 0; y < CELL; y++) {
        const from = cellLine(cell, y);
        for (let i = 0; i < CELL * 3; i++) ink[at++] = 1 - (data[from + i] ?? 255) / 255;
      }
    }
  }
  return ink;
}

/** The box of a cell. */
export function boxOf(cell: number): Box {
  const [x, y] = [cell % GRID, Math.floor(cell / GRID)];
  return { x0: x / GRID, y0: y / GRID, x1: (x + 1) / GRID, y1: (y + 1) / GRID };
}
