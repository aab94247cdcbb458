import { BicotError } from '../../errors.js';
import type { RgbImage } from '../../policy/policy.js';

/** How far a filter reaches, in pixels of the coarser picture, and its weight at a distance. */
interface Filter {
  readonly support: number;
  weight(distance: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** By the numbers that PIL, and `resample` in a preprocessor's file, have for them; 0, nearest, is no filter. */
const FILTERS: Readonly<Record<number, Filter>> = {
  1: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) }, // Lanczos
  2: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) }, // bilinear
  3: { support: 2, weight: (x) => cubic(Math.abs(x)) }, // bicubic
  4: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) }, // box
  5: { support: 1, weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0) }, // Hamming
};

/** Keys' cubic with a = −1/2. */
function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Resizes a picture as PIL does, bit for bit, wherever it runs: filters widen where the picture shrinks, so that nothing aliases,
 * and pixels count by their centres. Weights are fixed-point numbers of 22 bits, rows come before columns, and both
 * results are rounded to 8 bits (`Resample.c` of Pillow).
 * @param filter PIL's number: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming
 * @returns a new picture, or the given one if it has that size
 * @throws BicotError `unsupported` for another filter
 */
export function resample(image: RgbImage, width: number, height: number, filter: number): RgbImage {
  if (image.width === width && image.height === height) return image;
  if (filter === 0) return nearest(image, width, height);
  const known = FILTERS[filter];
  if (!known) {
    throw new BicotError(
      'unsupported',
      `resample: there is no filter ${filter}; the filters are 0 to 5 (resample in preprocessor_config.json).`,
    );
  }
  const wide = width === image.width ? image : resizeRows(image, width, known);
  if (height === wide.height) return wide;
  return transpose(resizeRows(transpose(wide), height, known));
}

const BITS = 22;
const HALF = 2 ** (BITS - 1);

/** Every row to another width. */
function resizeRows({ width, height, data }: RgbImage, newWidth: number, filter: Filter): RgbImage {
  const resized = new Uint8Array(newWidth * height * 3);
  for (let x = 0; x < newWidth; x++) {
    const { first, weights } = weightsAt(x, width, newWidth, filter);
    for (let y = 0; y < height; y++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = HALF;
        let at = (y * width + first) * 3 + channel;
        for (const weight of weights) {
          sum += (data[at] as number) * weight;
          at += 3;
        }
        resized[(y * newWidth + x) * 3 + channel] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** BITS)));
      }
    }
  }
  return { width: newWidth, height, data: resized };
}

/** Which pixels of a row pixel `x` of the new one is made of. */
function weightsAt(
  x: number,
  width: number,
  newWidth: number,
  { support, weight }: Filter,
): { readonly first: number; readonly weights: Int32Array } {
  const scale = width / newWidth;
  const widened = Math.max(scale, 1);
  const centre = (x + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - support * widened + 0.5));
  const end = Math.min(width, Math.trunc(centre + support * widened + 0.5));
  const exact = Array.from({ length: end - first }, (_, i) => weight((first + i - centre + 0.5) / widened));
  const total = exact.reduce((sum, value) => sum + value, 0);
  const fixed = exact.map((value) => {
    const scaled = (value / total) * 2 ** BITS;
    return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
  });
  return { first, weights: Int32Array.from(fixed) };
}

function transpose({ width, height, data }: RgbImage): RgbImage {
  const turned = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [(y * width + x) * 3, (x * height + y) * 3];
      for (let channel = 0; channel < 3; channel++) turned[to + channel] = data[from + channel] as number;
    }
  }
  return { width: height, height: width, data: turned };
}

function nearest({ width, height, data }: RgbImage, newWidth: number, newHeight: number): RgbImage {
  const resized = new Uint8Array(newWidth * newHeight * 3);
  const columns = nearestOf(width, newWidth);
  nearestOf(height, newHeight).forEach((row, y) => {
    columns.forEach((column, x) => {
      const from = (row * width + column) * 3;
      resized.set(data.subarray(from, from + 3), (y * newWidth + x) * 3);
    });
  });
  return { width: newWidth, height: newHeight, data: resized };
}

/** Which pixel is nearest. PIL adds step by step, which decides where a centre falls between two. */
function nearestOf(size: number, newSize: number): number[] {
  const step = size / newSize;
  const places: number[] = [];
  for (let i = 0, at = step / 2; i < newSize; i++, at += step) places.push(Math.floor(at));
  return places;
}
