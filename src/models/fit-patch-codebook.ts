import { BicotError } from '../errors.js';
import type { RgbImage } from '../policy/policy.js';
import {
  cutPatches,
  nearestEntry,
  type PatchCodebook,
  type PatchGrid,
  patchCodebook,
  patchKey,
  squaredDistance,
} from './patch-codebook.js';

/**
 * Starting entries for k-means: the most frequent patch, then again and again the one that is worst covered
 * (k-means++ without the dice, so that no seed is needed).
 */
function farApart(patches: readonly CountedPatch[], size: number): Uint8Array[] {
  const entries = [(patches[0] as CountedPatch).pixels];
  const distances = patches.map(() => Number.POSITIVE_INFINITY);
  while (entries.length < size) {
    const newest = entries[entries.length - 1] as Uint8Array;
    let worst = 0;
    patches.forEach(({ pixels, count }, at) => {
      distances[at] = Math.min(distances[at] as number, count * squaredDistance(pixels, newest));
      if ((distances[at] as number) > (distances[worst] as number)) worst = at;
    });
    entries.push((patches[worst] as CountedPatch).pixels);
  }
  return entries;
}

interface CountedPatch {
  readonly pixels: Uint8Array;
  count: number;
}

/**
 * Learns a codebook from pictures. Up to `size` distinct patches are kept exactly (then the codebook is lossless
 * on these pictures); more are reduced by k-means.
 * @param size the most entries
 * @param iterations k-means rounds, if needed. Default 10
 * @throws BicotError `value` without pictures, `shape` for one of another size than `grid` says
 */
export function fitPatchCodebook(
  images: Iterable<RgbImage>,
  grid: PatchGrid,
  size: number,
  iterations = 10,
): PatchCodebook {
  const counts = new Map<string, CountedPatch>();
  for (const image of images) {
    for (const pixels of cutPatches(image, grid)) {
      const key = patchKey(pixels);
      const seen = counts.get(key);
      if (seen) seen.count += 1;
      else counts.set(key, { pixels, count: 1 });
    }
  }
  if (counts.size === 0)
    throw new BicotError('value', 'fitPatchCodebook: no pictures were given; at least one is needed.');
  const patches = [...counts.values()].sort((a, b) => b.count - a.count); // stable, so deterministic
  let entries = patches.length <= size ? patches.map(({ pixels }) => pixels) : farApart(patches, size);
  for (let round = 0; patches.length > size && round < iterations; round++) {
    const nearest = nearestEntry(entries);
    const sums = entries.map((entry) => ({ sum: new Float64Array(entry.length), weight: 0 }));
    for (const { pixels, count } of patches) {
      const cell = sums[nearest(pixels)] as { sum: Float64Array; weight: number };
      cell.weight += count;
      for (let i = 0; i < pixels.length; i++)
        cell.sum[i] = (cell.sum[i] as number) + count * (pixels[i] as number);
    }
    entries = sums.map(({ sum, weight }, id) =>
      weight === 0
        ? (entries[id] as Uint8Array)
        : Uint8Array.from(sum, (value) => Math.round(value / weight)),
    );
  }
  return patchCodebook(grid, entries);
}
