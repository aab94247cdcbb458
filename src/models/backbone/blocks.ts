import * as tf from '@tensorflow/tfjs';
import { causalAttention } from '../../kernels/causal-attention.js';
import { addRmsNorm, rmsNorm } from '../../kernels/rms-norm.js';
import type { RotaryTables } from '../../kernels/rotary.js';
import { swiglu } from '../../kernels/swiglu.js';
import { type Matrix, multiply, trainedParts } from './matrix.js';

/** One pre-norm block of the LLaMA kind: attention with rotary positions, then SwiGLU; no biases. */
export interface Block {
  /** `[d]` */
  readonly attentionNorm: tf.Tensor1D;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly output: Matrix;
  /** `[d]` */
  readonly mlpNorm: tf.Tensor1D;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/** What the models of this kind share: a stack of blocks and the norm after it. */
export interface Backbone {
  readonly heads: number;
  readonly rmsEpsilon: number;
  /** At least one. */
  readonly blocks: readonly Block[];
  /** `[d]` */
  readonly finalNorm: tf.Tensor1D;
}

/** Keys and values of one block before the rotation, `[B·T, d]` each. */
export interface BlockKeyValues {
  readonly keys: tf.Tensor2D;
  readonly values: tf.Tensor2D;
}

/** More about `runBlocks`. */
export interface RunBlocksOptions {
  /** Is shown the keys and values of each block, for a cache; they are its caller's only during the call. */
  readonly onBlock?: (block: number, made: BlockKeyValues) => void;
}

/**
 * All blocks over whole sequences: `x + attention(norm x)`, then `x + swiglu(norm x)`.
 * @param x `[B·T, d]`
 * @param rotary tables of the T positions
 * @returns the stream `[B·T, d]`, before the final norm; the caller disposes it
 */
export function runBlocks(
  { heads, rmsEpsilon, blocks }: Backbone,
  x: tf.Tensor2D,
  rotary: RotaryTables,
  { onBlock }: RunBlocksOptions = {},
): tf.Tensor2D {
  return tf.tidy(() => {
    let stream = x;
    let normed = rmsNorm(x, (blocks[0] as Block).attentionNorm, rmsEpsilon);
    blocks.forEach((block, i) => {
      const [queries, keys, values] = multiply(normed, [block.query, block.key, block.value]) as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      onBlock?.(i, { keys, values });
      const attended = causalAttention(queries, keys, values, rotary, heads);
      ({ stream, normed } = addRmsNorm(stream, only(attended, block.output), block.mlpNorm, rmsEpsilon));
      const [gate, up] = multiply(normed, [block.gate, block.up]) as [tf.Tensor2D, tf.Tensor2D];
      const branch = only(swiglu(gate, up), block.down);
      const next = blocks[i + 1];
      if (next) ({ stream, normed } = addRmsNorm(stream, branch, next.attentionNorm, rmsEpsilon));
      else stream = tf.add(stream, branch);
    });
    return stream;
  });
}

function only(x: tf.Tensor2D, matrix: Matrix): tf.Tensor2D {
  return multiply(x, [matrix])[0] as tf.Tensor2D;
}

/** The variables of a block, which gradients go to. */
export function trainedBlockParts(block: Block): tf.Variable[] {
  const norms = [block.attentionNorm, block.mlpNorm].filter((norm) => norm instanceof tf.Variable);
  const { query, key, value, output, gate, up, down } = block;
  return [...norms, ...[query, key, value, output, gate, up, down].flatMap(trainedParts)];
}
