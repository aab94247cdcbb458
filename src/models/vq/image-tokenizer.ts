import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { RgbImage } from '../../policy/policy.js';
import { assertTokenRange, type TokenBatch, tokenRow } from '../../policy/tokens.js';
import { assertFinite } from '../../tensor/shape.js';
import { turn } from '../../turn.js';
import { type VqDecoderConfig, vqImageSide } from './config.js';
import { decodeVq } from './decode.js';
import { disposeVqParameters, type VqParameters } from './parameters.js';

/** A VQ decoder as a policy's image space wants it. */
export interface VqImageTokenizer {
  /** Entries of the codebook. */
  readonly size: number;
  /** Tokens of one picture. */
  readonly length: number;
  /** Side of a picture in pixels. */
  readonly side: number;
  /**
   * Pictures of `[N, length]` tokens, one after the other; other work of the thread gets its turn between two of them.
   * @throws BicotError `token-range` or `shape` for tokens that are no pictures, `non-finite` if the weights make no
   * numbers, `value` after `dispose`
   */
  decode(tokens: TokenBatch): Promise<RgbImage[]>;
  /** Frees the parameters. Safe to call twice. */
  dispose(): void;
}

/** As Janus does it: step by step in float32, and cut off. */
function janusByte(value: number): number {
  const scaled = Math.fround(Math.fround(Math.fround(value + 1) / 2) * 255);
  return Math.trunc(Math.min(Math.max(scaled, 0), 255));
}

/** @param pixels `[1, side, side, 3]` in about [−1, 1]; disposed */
async function toImage(pixels: tf.Tensor4D, toByte: (value: number) => number): Promise<RgbImage> {
  const [, height, width] = pixels.shape;
  try {
    const values = await pixels.data<'float32'>();
    assertFinite('vqImageTokenizer.decode: a picture', values);
    return { width, height, data: Uint8Array.from(values, (value) => toByte(value)) };
  } finally {
    pixels.dispose();
  }
}

/** Throws unless every row is a picture's tokens. */
function assertPictures(tokens: TokenBatch, { codebookSize, grid }: VqDecoderConfig): void {
  assertTokenRange(tokens, codebookSize, 'vqImageTokenizer.decode');
  const row = tokens.lengths.findIndex((length) => length !== grid ** 2);
  if (row < 0) return;
  throw new BicotError(
    'shape',
    `vqImageTokenizer.decode: row ${row} has ${tokens.lengths[row]} tokens; a picture has ${grid} · ${grid} = ${grid ** 2}. Sample images to their full length.`,
  );
}

/**
 * A decoder of image tokens.
 * @param parameters belong to it from now on
 * @param toByte how the model's own code makes a byte of a number of about [−1, 1]; default as Janus's
 */
export function vqImageTokenizer(
  config: VqDecoderConfig,
  parameters: VqParameters,
  toByte: (value: number) => number = janusByte,
): VqImageTokenizer {
  let disposed = false;
  const picture = (ids: Int32Array): Promise<RgbImage> => {
    if (disposed) {
      throw new BicotError(
        'value',
        'vqImageTokenizer.decode: the tokenizer was disposed. Decode before dispose, or make another one.',
      );
    }
    return toImage(decodeVq(config, parameters, ids), toByte);
  };
  return {
    size: config.codebookSize,
    length: config.grid ** 2,
    side: vqImageSide(config),
    async decode(tokens) {
      assertPictures(tokens, config);
      const images: RgbImage[] = [];
      for (let row = 0; row < tokens.rows; row++) {
        if (row > 0) await turn();
        images.push(await picture(tokenRow(tokens, row)));
      }
      return images;
    },
    dispose() {
      disposed = true;
      disposeVqParameters(parameters);
    },
  };
}
