import type * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import type { KeyValueCache } from './cache-plan.js';
import { isFused } from './choice.js';
import { composedDecodeBlocks } from './composed/decode-blocks.js';
import {
  DECODE_BLOCKS,
  type DecoderInPlace,
  fusedDecodeBlocks,
  PANELS_PER_BLOCK,
} from './fused/decode-blocks.js';
import type { PackedLinear } from './packed-linear.js';

/** One block of a decoder as decoding uses it. */
export interface DecoderBlock {
  /** `[d]`: the gain. */
  readonly attentionNorm: tf.Tensor1D;
  /** `[d]`: the gain. */
  readonly mlpNorm: tf.Tensor1D;
  /** Query, key, value. */
  readonly attention: PackedLinear;
  /** `[d, d]`: what attention gives, back to the stream. */
  readonly output: PackedLinear;
  /** Gate, up. */
  readonly gated: PackedLinear;
  /** `[f, d]`: from the hidden width back to the stream. */
  readonly down: PackedLinear;
  /** Filled with the contexts'. */
  readonly cache: KeyValueCache;
}

/** A stack of blocks, the norm after it and a head. */
export interface Decoder {
  /** From the first to the last; at least one. */
  readonly blocks: readonly DecoderBlock[];
  /** `[d]`: the gain. */
  readonly finalNorm: tf.Tensor1D;
  /** One matrix, or the column ranges of one in order. Absent for heads of another make, which read what the norm gives. */
  readonly head?: PackedLinear;
  /** Of the norms. */
  readonly epsilon: number;
}

/**
 * One token per row through all pre-norm blocks, `x + attention(norm x)` and then `x + swiglu(norm x)`, with the caches of
 * what came before; without gradients. `KeyValueCaches.step` has said which sequences the rows are.
 * @param x `[n, d]`: the embedded tokens
 * @returns the logits of the next ones, `[n, V]`, or without a head the normed stream, `[n, d]`; the caller disposes it
 * @throws BicotError `value` without blocks
 */
export function decodeBlocks(x: tf.Tensor2D, decoder: Decoder): tf.Tensor2D {
  if (decoder.blocks.length === 0) {
    throw new BicotError('value', 'decodeBlocks: the decoder has no blocks. Give at least one.');
  }
  const inPlace = decoderInPlace(x, decoder);
  return inPlace ? fusedDecodeBlocks(x, inPlace) : composedDecodeBlocks(x, decoder);
}

/** The decoder's tensors as the fused kernel reads them; undefined where something is not as it needs it. */
function decoderInPlace(
  x: tf.Tensor2D,
  { blocks, finalNorm, head, epsilon }: Decoder,
): DecoderInPlace | undefined {
  const norms = blocks.flatMap(({ attentionNorm, mlpNorm }) => [attentionNorm, mlpNorm]);
  if (!isFused(DECODE_BLOCKS, [x, finalNorm, ...norms])) return undefined;
  const [gate] = (blocks[0] as DecoderBlock).gated.columns;
  const parts = [];
  for (const { attentionNorm, mlpNorm, attention, output, gated, down, cache } of blocks) {
    const stored = cache.stored?.();
    const panels = [attention, output, gated, down].flatMap((packed) => packed.panels);
    if (!stored || panels.length < PANELS_PER_BLOCK) return undefined;
    // The kernel has one room for each of these, whatever the block.
    if (attention.columns.some((columns) => columns !== x.shape[1])) return undefined;
    if (gated.columns.some((columns) => columns !== gate)) return undefined;
    parts.push({ norms: [attentionNorm, mlpNorm], panels, stored });
  }
  // The kernel writes all logits to one tensor from one matrix.
  if (head?.panels.length !== 1) return undefined;
  const vocabulary = head.columns[0];
  const headPanels = head.panels[0] as tf.Tensor;
  return {
    ...{ blocks: parts, finalNorm, head: headPanels, epsilon },
    ...{ hidden: gate as number, vocabulary: vocabulary as number },
  };
}
