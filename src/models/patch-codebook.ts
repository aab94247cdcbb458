import { BicotError } from '../errors.js';
import type { RgbImage } from '../policy/policy.js';
import { assertTokenRange, type TokenBatch, tokenRow } from '../policy/tokens.js';
import { assertLength } from '../tensor/shape.js';
import type { HostTensor } from './safetensors.js';

/** A picture as a grid of patches, each the nearest entry of a codebook. */
export interface PatchCodebook {
  /** Entries of the codebook. */
  readonly size: number;
  /** Tokens of one image: `(width / patch) · (height / patch)`, in reading order. */
  readonly length: number;
  /** The token of each patch. @throws BicotError `shape` for a picture of another size */
  encode(image: RgbImage): Int32Array;
  /** Pictures of `[N, length]` tokens. @throws BicotError `token-range` or `shape` */
  decode(tokens: TokenBatch): Promise<RgbImage[]>;
  /** Everything needed to make it again, ready for `encodeSafetensors`. */
  export(): {
    /** `codes`, `[size, patch, patch, 3]`, U8: the entries' pixels. */
    tensors: Record<string, HostTensor>;
    /** `width` and `height` of a picture, in pixels. */
    metadata: Record<string, string>;
  };
}

/** Sizes of a patch codebook, in pixels. */
export interface PatchGrid {
  /** Of a picture. */
  readonly width: number;
  /** Of a picture. */
  readonly height: number;
  /** Side of the square patches; divides width and height. */
  readonly patch: number;
}

/** A picture's patches, `[patch, patch, 3]` each, in reading order. @throws BicotError `shape` for another size */
export function cutPatches(image: RgbImage, { width, height, patch }: PatchGrid): Uint8Array[] {
  if (image.width !== width || image.height !== height) {
    throw new BicotError(
      'shape',
      `The picture is ${image.width}×${image.height} pixels, but this codebook is for ${width}×${height}. Resize it first.`,
    );
  }
  const patches: Uint8Array[] = [];
  for (let top = 0; top < height; top += patch) {
    for (let left = 0; left < width; left += patch) {
      const pixels = new Uint8Array(patch * patch * 3);
      for (let y = 0; y < patch; y++) {
        const start = ((top + y) * width + left) * 3;
        pixels.set(image.data.subarray(start, start + patch * 3), y * patch * 3);
      }
      patches.push(pixels);
    }
  }
  return patches;
}

/** Σ (a − b)² of two patches. */
export function squaredDistance(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}

/** Finds the entry nearest to a patch; exact matches at once. */
export function nearestEntry(entries: readonly Uint8Array[]): (pixels: Uint8Array) => number {
  const exact = new Map(entries.map((entry, id) => [patchKey(entry), id]));
  return (pixels) => {
    const known = exact.get(patchKey(pixels));
    if (known !== undefined) return known;
    let best = 0;
    let bestDistance = Number.POSITIVE_INFINITY;
    entries.forEach((entry, id) => {
      const distance = squaredDistance(entry, pixels);
      if (distance < bestDistance) [best, bestDistance] = [id, distance];
    });
    return best;
  };
}

/** The same for equal patches only. */
export const patchKey = (patch: Uint8Array): string => String.fromCharCode(...patch);

/**
 * A codebook from its entries.
 * @param entries one `[patch, patch, 3]` RGB patch each
 * @throws BicotError `value` if the patches don't tile the picture, `shape` naming an entry of another length
 */
export function patchCodebook(grid: PatchGrid, entries: readonly Uint8Array[]): PatchCodebook {
  const { width, height, patch } = grid;
  if (width % patch !== 0 || height % patch !== 0) {
    throw new BicotError(
      'value',
      `patchCodebook: patches of ${patch} pixels do not tile ${width}×${height}.`,
    );
  }
  entries.forEach((entry, id) => {
    assertLength(`patchCodebook: entry ${id}`, entry, patch * patch * 3, 'patch · patch · 3');
  });
  const nearest = nearestEntry(entries);
  const columns = width / patch;
  const length = columns * (height / patch);

  const assemble = (tokens: Int32Array): RgbImage => {
    const data = new Uint8Array(width * height * 3);
    tokens.forEach((token, at) => {
      const entry = entries[token] as Uint8Array;
      const [top, left] = [Math.floor(at / columns) * patch, (at % columns) * patch];
      for (let y = 0; y < patch; y++) {
        data.set(entry.subarray(y * patch * 3, (y + 1) * patch * 3), ((top + y) * width + left) * 3);
      }
    });
    return { width, height, data };
  };

  return {
    size: entries.length,
    length,
    encode: (image) => Int32Array.from(cutPatches(image, grid), nearest),
    async decode(tokens) {
      assertTokenRange(tokens, entries.length, 'patchCodebook.decode');
      return Array.from({ length: tokens.rows }, (_, row) => {
        const ids = tokenRow(tokens, row);
        if (ids.length !== length) {
          throw new BicotError(
            'shape',
            `patchCodebook.decode: row ${row} has ${ids.length} tokens; a picture has ${length}.`,
          );
        }
        return assemble(ids);
      });
    },
    export() {
      const data = new Uint8Array(entries.length * patch * patch * 3);
      entries.forEach((entry, id) => void data.set(entry, id * entry.length));
      return {
        tensors: { codes: { dtype: 'U8', shape: [entries.length, patch, patch, 3], data } },
        metadata: { width: String(width), height: String(height) },
      };
    },
  };
}

/**
 * The codebook that `export()` described.
 * @throws BicotError `safetensors` if the tensor is missing or of another shape
 */
export function importPatchCodebook(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>>,
): PatchCodebook {
  const { codes } = tensors;
  const [width, height] = [Number(metadata.width), Number(metadata.height)];
  const [size, patch, ...rest] = codes?.shape ?? [];
  const fits = codes?.dtype === 'U8' && size !== undefined && patch !== undefined;
  if (!fits || rest.join() !== `${patch},3` || !(width > 0) || !(height > 0)) {
    throw new BicotError(
      'safetensors',
      'This is no patch codebook: a U8 tensor "codes" of shape [size, patch, patch, 3] and the metadata width and height are needed.',
    );
  }
  const bytes = patch * patch * 3;
  const entries = Array.from({ length: size }, (_, id) =>
    (codes.data as Uint8Array).slice(id * bytes, (id + 1) * bytes),
  );
  return patchCodebook({ width, height, patch }, entries);
}
