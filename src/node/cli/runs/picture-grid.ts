import { BicotError } from '../../../errors.js';
import { encodePng } from '../../../image/png.js';
import type { Sample } from '../../../rewards/reward.js';
import { writeFileAtomic } from '../../files.js';
import { imageGrid } from '../../image-grid.js';

/** A sample and what is written below its picture. */
export interface Captioned {
  readonly sample: Sample<unknown>;
  readonly caption: readonly string[];
}

/**
 * Refuses a name of a picture before anything is drawn for it.
 * @throws BicotError `value`
 */
export function assertPngPath(option: string, path: string | undefined): void {
  if (path === undefined || path.endsWith('.png')) return;
  throw new BicotError('value', `${option} ${path}: pictures are PNG; give a name that ends in .png.`);
}

/**
 * Writes the pictures of samples as one PNG, side by side.
 * @param columns default: as many as rows
 * @returns the path; undefined, and nothing is written, if no sample has a picture
 */
export async function savePictureGrid(
  path: string,
  samples: readonly Captioned[],
  columns?: number,
): Promise<string | undefined> {
  const cells = samples.flatMap(({ sample: { image }, caption }) => (image ? [{ image, caption }] : []));
  if (cells.length === 0) return undefined;
  const grid = imageGrid(cells, { columns: columns ?? Math.ceil(Math.sqrt(cells.length)) });
  await writeFileAtomic(path, encodePng(grid));
  return path;
}
