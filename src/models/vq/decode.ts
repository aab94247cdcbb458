import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { untaped } from '../../tensor/gradients.js';
import { assertShape } from '../../tensor/shape.js';
import { type VqDecoderConfig, vqImageSide } from './config.js';
import { attention, convolution, normSwish, pointwise, residual, upsample } from './layers.js';
import type { VqParameters } from './parameters.js';
import type { LevelParts } from './parts.js';

/** A step from one feature map to the next. */
export interface VqStage {
  /** The module that it ends with, as the original layout calls it. */
  readonly name: string;
  /** @param x `[1, S, S, C]`, disposed; the caller disposes what comes out */
  readonly run: (x: tf.Tensor4D) => tf.Tensor4D;
}

/** Least length of an entry of the codebook, as in PyTorch's `normalize`. */
const SHORTEST = 1e-12;

/**
 * Entries of the codebook, each scaled to length 1.
 * @param codes `[1, grid · grid]`, int32
 * @returns `[1, grid, grid, embedding]`; the caller disposes it
 */
function lookUp(codebook: tf.Tensor2D, codes: tf.Tensor2D, grid: number): tf.Tensor4D {
  return tf.tidy(() => {
    const entries = tf.gather(codebook, tf.reshape(codes, [-1]));
    const lengths = tf.sqrt(tf.sum(tf.square(entries), 1, true));
    return tf.reshape(tf.div(entries, tf.maximum(lengths, SHORTEST)), [1, grid, grid, -1]);
  });
}

function levelStages(parts: LevelParts<tf.Tensor>, level: number, groups: number): VqStage[] {
  const name = `decoder.conv_blocks.${level}`;
  const { residual: blocks, attention: heads, upsample: last } = parts;
  const stages = blocks.flatMap((block, j): VqStage[] => {
    const attends = heads[j];
    return [
      { name: `${name}.res.${j}`, run: (x) => residual(x, block, groups) },
      ...(attends
        ? [{ name: `${name}.attn.${j}`, run: (x: tf.Tensor4D) => attention(x, attends, groups) }]
        : []),
    ];
  });
  return last ? [...stages, { name: `${name}.upsample`, run: (x) => upsample(x, last) }] : stages;
}

/** The decoder in steps, from looked-up entries to pixels. */
export function vqStages({ groups }: VqDecoderConfig, parameters: VqParameters): VqStage[] {
  const { postQuantization, input, middle, levels, outputNorm, output } = parameters;
  return [
    { name: 'post_quant_conv', run: (x) => pointwise(x, postQuantization) },
    { name: 'decoder.conv_in', run: (x) => convolution(x, input) },
    { name: 'decoder.mid.0', run: (x) => residual(x, middle.first, groups) },
    { name: 'decoder.mid.1', run: (x) => attention(x, middle.attention, groups) },
    { name: 'decoder.mid.2', run: (x) => residual(x, middle.second, groups) },
    ...levels.flatMap((parts, level) => levelStages(parts, level, groups)),
    { name: 'decoder.conv_out', run: (x) => convolution(normSwish(x, outputNorm, groups), output) },
  ];
}

/**
 * One picture, unrecorded: a tape would keep every feature map.
 * @param codes `[1, grid · grid]`, int32
 * @param seen is shown what each stage gives, for debugging; must not dispose it
 * @returns `[1, side, side, 3]`; the caller disposes it
 */
export function decodeOne(
  config: VqDecoderConfig,
  parameters: VqParameters,
  codes: tf.Tensor2D,
  seen?: (stage: string, x: tf.Tensor4D) => void,
): tf.Tensor4D {
  // The tidy frees what a failing stage leaves behind; when all is well, stages have freed their maps long before.
  return tf.tidy(() =>
    untaped(() => {
      let x = lookUp(parameters.codebook as tf.Tensor2D, codes, config.grid);
      for (const { name, run } of vqStages(config, parameters)) {
        x = run(x);
        seen?.(name, x);
      }
      return x;
    }),
  );
}

/**
 * The pictures of image tokens, in about [−1, 1]. Nothing is recorded for gradients. Pictures are computed one after the
 * other, so that a batch takes no more memory than one and changes no result.
 * @param codes `[B, grid · grid]` in reading order: int32, or the numbers themselves; only those can be checked here
 * @returns `[B, side, side, 3]`; the caller disposes it
 * @throws BicotError `shape` or `value` for codes of another length or number format, `token-range` for ids outside the codebook
 */
export function decodeVq(
  config: VqDecoderConfig,
  parameters: VqParameters,
  codes: tf.Tensor2D | Int32Array,
): tf.Tensor4D {
  const length = config.grid ** 2;
  const side = vqImageSide(config);
  return tf.tidy(() => {
    const rows = ArrayBuffer.isView(codes) ? hostCodes(codes, config) : deviceCodes(codes, length);
    const [count] = rows.shape;
    if (count === 0) return tf.zeros([0, side, side, 3]);
    const pictures = Array.from({ length: count }, (_, row) =>
      decodeOne(config, parameters, tf.slice(rows, [row, 0], [1, length])),
    );
    return tf.concat(pictures, 0);
  });
}

function hostCodes(codes: Int32Array, { grid, codebookSize }: VqDecoderConfig): tf.Tensor2D {
  const length = grid ** 2;
  if (codes.length % length !== 0) {
    throw new BicotError(
      'shape',
      `decodeVq: ${codes.length} codes are no whole number of pictures; each has ${grid} · ${grid} = ${length}. Pass all codes of every picture.`,
    );
  }
  const wrong = codes.findIndex((code) => code < 0 || code >= codebookSize);
  if (wrong >= 0) {
    throw new BicotError(
      'token-range',
      `decodeVq: code ${codes[wrong]} of picture ${Math.floor(wrong / length)}, position ${wrong % length}, is outside [0, ${codebookSize}). Pass ids of the codebook, without the offset that a joint vocabulary may have.`,
    );
  }
  // Copied: on the cpu backend the caller's array would become the tensor.
  return tf.tensor2d(Int32Array.from(codes), [codes.length / length, length], 'int32');
}

function deviceCodes(codes: tf.Tensor2D, length: number): tf.Tensor2D {
  assertShape('decodeVq: codes', codes, [null, length], '[B, grid · grid]');
  if (codes.dtype !== 'int32') {
    throw new BicotError(
      'value',
      `decodeVq: codes have dtype ${codes.dtype}, but int32 is needed. Convert them with tf.cast(codes, 'int32').`,
    );
  }
  return codes;
}
