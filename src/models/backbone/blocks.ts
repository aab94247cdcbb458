import * as tf from '@tensorflow/tfjs';
import { causalAttention } from '../../kernels/causal-attention.js';
import { addRmsNorm, rmsNorm } from '../../kernels/rms-norm.js';
import type { RotaryTables } from '../../kernels/rotary.js';
import { sum } from '../../kernels/sum.js';
import { swiglu } from '../../kernels/swiglu.js';
import { checkpoint } from '../../tensor/checkpoint.js';
import { type Matrix, type MultiplyOptions, multiply, trainedParts } from './matrix.js';

/** One pre-norm block of the LLaMA kind: attention with rotary positions, then SwiGLU; no biases. */
export interface Block {
  /** `[d]` */
  readonly attentionNorm: tf.Tensor1D;
  /** `[d, d]` */
  readonly query: Matrix;
  /** `[d, d]` */
  readonly key: Matrix;
  /** `[d, d]` */
  readonly value: Matrix;
  /** `[d, d]` */
  readonly output: Matrix;
  /** `[d]` */
  readonly mlpNorm: tf.Tensor1D;
  /** `[d, f]` */
  readonly gate: Matrix;
  /** `[d, f]` */
  readonly up: Matrix;
  /** `[f, d]` */
  readonly down: Matrix;
}

/** What the models of this kind share: a stack of blocks and the norm after it. */
export interface Backbone {
  /** Attention heads; `d / heads` is even, as rotary embeddings turn pairs. */
  readonly heads: number;
  /** Added to the mean square in every norm. */
  readonly rmsEpsilon: number;
  /** At least one. */
  readonly blocks: readonly Block[];
  /** `[d]` */
  readonly finalNorm: tf.Tensor1D;
}

/** Keys and values of one block before the rotation, `[B·T, d]` each. */
export interface BlockKeyValues {
  /** Not yet rotated. */
  readonly keys: tf.Tensor2D;
  /** As attention mixes them. */
  readonly values: tf.Tensor2D;
}

/** More about `runBlocks`. */
export interface RunBlocksOptions {
  /** Is shown the keys and values of each block, for a cache; they are its caller's only during the call. */
  readonly onBlock?: (block: number, made: BlockKeyValues) => void;
  /**
   * Keep only the stream between blocks for the backward pass, which then computes blocks again: true for all of them, or
   * how many, the first ones. Each block that is left alone saves a quarter of its training time, and holds all that it
   * makes on the way. Default false.
   */
  readonly checkpointing?: boolean | number;
  /** Only gradients are wanted: the last product is left out, and the result is not the stream. Default false. */
  readonly unread?: boolean;
}

/**
 * All blocks over whole sequences: `x + attention(norm x)`, then `x + swiglu(norm x)`.
 * @param x `[B·T, d]`
 * @param rotary tables of the T positions
 * @returns the stream `[B·T, d]`, before the final norm; the caller disposes it
 */
export function runBlocks(
  backbone: Backbone,
  x: tf.Tensor2D,
  rotary: RotaryTables,
  { onBlock, checkpointing = false, unread = false }: RunBlocksOptions = {},
): tf.Tensor2D {
  const { heads, rmsEpsilon, blocks } = backbone;
  const again = onBlock
    ? 0
    : Math.min(blocks.length, checkpointing === true ? blocks.length : Number(checkpointing));
  if (again > 0) return runCheckpointed(backbone, x, rotary, again);
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
      const next = blocks[i + 1];
      const branch = only(swiglu(gate, up), block.down, { unread: unread && !next });
      if (next) ({ stream, normed } = addRmsNorm(stream, branch, next.attentionNorm, rmsEpsilon));
      else stream = sum(stream, branch);
    });
    return stream;
  });
}

/** The same, with checkpoints around the first blocks. */
function runCheckpointed(
  backbone: Backbone,
  x: tf.Tensor2D,
  rotary: RotaryTables,
  again: number,
): tf.Tensor2D {
  const { cos, sin, half, halfTransposed } = rotary;
  const run =
    (block: Block, unread: boolean) =>
    (...args: tf.Tensor[]): tf.Tensor2D => {
      const [own, cos, sin, half, halfTransposed] = args as [
        tf.Tensor2D,
        tf.Tensor3D,
        tf.Tensor3D,
        tf.Tensor2D,
        tf.Tensor2D,
      ];
      const tables = { cos, sin, half, halfTransposed, dispose() {} };
      return runBlocks({ ...backbone, blocks: [block] }, own, tables, { unread });
    };
  const [first, last] = [backbone.blocks.slice(0, again), backbone.blocks.slice(again)];
  return tf.tidy(() => {
    const stream = first.reduce(
      (stream, block) =>
        checkpoint(
          run(block, false),
          [stream],
          trainedBlockParts(block),
          [cos, sin, half, halfTransposed],
          run(block, true),
        ),
      x,
    );
    return last.length > 0 ? runBlocks({ ...backbone, blocks: last }, stream, rotary) : stream;
  });
}

function only(x: tf.Tensor2D, matrix: Matrix, options?: MultiplyOptions): tf.Tensor2D {
  return multiply(x, [matrix], options)[0] as tf.Tensor2D;
}

/** The variables of a block, which gradients go to. */
export function trainedBlockParts(block: Block): tf.Variable[] {
  const norms = [block.attentionNorm, block.mlpNorm].filter((norm) => norm instanceof tf.Variable);
  const { query, key, value, output, gate, up, down } = block;
  return [...norms, ...[query, key, value, output, gate, up, down].flatMap(trainedParts)];
}
