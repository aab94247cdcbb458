import { readFile, realpath, stat } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { decodePng, encodePng } from '../../image/png.js';
import type { RgbImage } from '../../policy/policy.js';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** A larger file is no sample of a model. */
const MOST_BYTES = 32 * 2 ** 20;

/**
 * The file of a picture that a run's records name.
 * @param folder the run's
 * @param image what the record says, relative to it
 * @returns undefined if there is none, or if it is not inside the folder, links followed
 */
export async function pictureFile(folder: string, image: string): Promise<string | undefined> {
  try {
    const [root, file] = [await realpath(folder), await realpath(resolve(folder, image))];
    if (!file.startsWith(root + sep)) return undefined;
    const { size } = await stat(file);
    return size <= MOST_BYTES ? file : undefined;
  } catch {
    return undefined; // Not there, or a name that no file can have.
  }
}

/** The bytes of a PNG file. @returns undefined if it is none */
export async function readPicture(file: string): Promise<Buffer | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  return bytes?.subarray(0, SIGNATURE.length).equals(SIGNATURE) ? bytes : undefined;
}

/**
 * Pictures of a run as data URLs; what was made once is kept.
 * @param most the longer side, in pixels; a larger picture is made smaller
 * @returns undefined if there is no such picture
 */
export type PictureEncoder = (folder: string, image: string, most: number) => Promise<string | undefined>;

/** An encoder that remembers a file until it changes. */
export function pictureEncoder(): PictureEncoder {
  const known = new Map<string, { readonly stamp: string; readonly url: string | undefined }>();
  return async (folder, image, most) => {
    const file = await pictureFile(folder, image);
    if (file === undefined) return undefined;
    const { mtimeMs, size } = await stat(file);
    const [key, stamp] = [`${most} ${file}`, `${mtimeMs} ${size}`];
    const kept = known.get(key);
    if (kept?.stamp === stamp) return kept.url;
    const bytes = await readPicture(file);
    const url = bytes && dataUrl(bytes, most);
    known.set(key, { stamp, url });
    return url;
  };
}

function dataUrl(bytes: Buffer, most: number): string | undefined {
  // The header tells the size: most pictures need not be decoded.
  const [width, height] = bytes.length < 24 ? [0, 0] : [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const encode = (png: Uint8Array) => `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  if (width * height > 2 ** 26) return undefined;
  if (Math.max(width, height) <= most) return encode(bytes);
  try {
    return encode(encodePng(shrink(decodePng(bytes), most)));
  } catch {
    return undefined;
  }
}

/** A picture whose longer side has `most` pixels, each the mean of those that it stands for. */
export function shrink({ width, height, data }: RgbImage, most: number): RgbImage {
  const factor = Math.max(width, height) / most;
  if (factor <= 1) return { width, height, data };
  const [w, h] = [Math.max(1, Math.round(width / factor)), Math.max(1, Math.round(height / factor))];
  const small = new Uint8Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    const [top, bottom] = span(y, h, height);
    for (let x = 0; x < w; x++) {
      const [left, right] = span(x, w, width);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let j = top; j < bottom; j++) {
          for (let i = left; i < right; i++) sum += data[(j * width + i) * 3 + c] as number;
        }
        small[(y * w + x) * 3 + c] = Math.round(sum / ((bottom - top) * (right - left)));
      }
    }
  }
  return { width: w, height: h, data: small };
}

/** The old pixels, at least one, that a new one stands for. */
function span(at: number, of: number, size: number): readonly [number, number] {
  const begin = Math.floor((at * size) / of);
  return [begin, Math.max(begin + 1, Math.floor(((at + 1) * size) / of))];
}
