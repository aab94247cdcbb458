/** What the tests of rewards on ONNX models share: pictures, folders of small models, and what those must give. */
import { readFileSync } from 'node:fs';
import type { RgbImage, Sample } from 'bicot';

const fixtures = new URL('../fixtures/vision/', import.meta.url);

/** The folder of a small model. */
export const modelFolder = (name: string): URL => new URL(`${name}/`, fixtures);

/** The same picture as `test/reference/vision_picture.py` draws. */
export function picture(width: number, height: number, which: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  const side = Math.min(width, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let pixel = [
        Math.floor((255 * x) / (width - 1)),
        Math.floor((255 * y) / (height - 1)),
        90 + 20 * which,
      ];
      const across = 16 * x >= width * (1 + 2 * which) && 16 * x < width * (6 + 2 * which);
      if (across && 4 * y >= height && 4 * y < 3 * height) pixel = [220 - 40 * which, 30 + 50 * which, 40];
      const [dx, dy] = [4 * x - (3 - which) * width, 4 * y - 2 * height];
      if (25 * (dx * dx + dy * dy) < 9 * side * side) pixel = [20, 60 + 60 * which, 230 - 60 * which];
      data.set(pixel, (y * width + x) * 3);
    }
  }
  return { width, height, data };
}

/** Float32 numbers of a fixture. */
export interface Packed {
  readonly shape: readonly number[];
  readonly float32: string;
}

/** The numbers of a fixture, row-major. */
export function unpack({ float32 }: Packed): Float32Array {
  const bytes = Buffer.from(float32, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** What a model must give for pictures of its own size (`exact`), and for larger ones (`resized`). */
export interface Expected<Case> {
  readonly input_ids: readonly (readonly number[])[];
  readonly exact: Case;
  readonly resized: Case;
}

/** In each case of a fixture. */
export interface ExpectedPixels {
  readonly size: readonly [width: number, height: number];
  /** Of three pictures; every so many-th value. */
  readonly pixel_values: Packed & { readonly step: number };
}

/** Of CLIP and SigLIP. */
export interface ExpectedTowers
  extends Expected<
    ExpectedPixels & {
      readonly image_embeds: readonly (readonly number[])[];
      readonly text_embeds: readonly (readonly number[])[];
      /** [pictures, texts] */
      readonly cosine: readonly (readonly number[])[];
    }
  > {
  readonly texts: readonly string[];
}

/** Of detectors. */
export interface ExpectedDetector
  extends Expected<
    ExpectedPixels & {
      readonly logits: Packed;
      /** [pictures, boxes, 4] */
      readonly boxes: Packed;
      /** [pictures, boxes, nouns] */
      readonly scores: Packed;
    }
  > {
  readonly nouns: readonly string[];
  /** Of Grounding DINO: which of its outputs belong to which noun. */
  readonly columns?: readonly (readonly number[])[];
}

/** What the script that made a model computed with it. */
export const readExpected = <Values>(name: string): Values =>
  JSON.parse(readFileSync(new URL('expected.json', modelFolder(name)), 'utf8'));

/** A sample with a picture, or without. */
export const pictured = <Prompt>(prompt: Prompt, image?: RgbImage): Sample<Prompt> => ({
  prompt,
  group: 0,
  index: 0,
  tokens: {},
  image,
});

/** The largest difference of two lists. */
export function farthest(given: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (given.length !== wanted.length) throw new Error(`${given.length} numbers, not ${wanted.length}`);
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs((given[i] as number) - (wanted[i] as number));
    if (!(difference <= worst)) worst = difference; // NaN stays
  }
  return worst;
}
