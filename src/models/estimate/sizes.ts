import type { VqDecoderConfig } from '../vq/config.js';

/** Sizes of a decoder-only model of the LLaMA kind that writes images, perhaps text as well. */
export interface ModelSizes {
  /** Blocks: attention and a gated layer each. */
  readonly layers: number;
  /** d, the width of the residual stream. */
  readonly width: number;
  /** Of the gated layer. */
  readonly hidden: number;
  /** Attention heads of a block. */
  readonly heads: number;
  /** Rows of the text embedding and columns of the text head; 0 without text. */
  readonly textVocabulary: number;
  /** Columns of the image head: entries of the image tokenizer's codebook. */
  readonly imageVocabulary: number;
  /** Tokens of an image. */
  readonly imageLength: number;
  /** Numbers in what embeds image tokens and in the image head. */
  readonly imageParameters: number;
  /** Multiplications and additions of the image head for one token. */
  readonly imageHeadFlops: number;
  /** What turns image tokens into pixels. */
  readonly decoder: VqDecoderConfig;
}

/** Which matrices of a block get adapters. */
export type AdaptedMatrices = 'attention' | 'all';

/** The weights of a block. */
export function blockParameters({ width, hidden }: ModelSizes): number {
  return 4 * width * width + 3 * width * hidden + 2 * width;
}

/** The language model: text embedding, blocks, the last norm, text head. */
export function languageParameters(sizes: ModelSizes): number {
  const { layers, width, textVocabulary } = sizes;
  return 2 * textVocabulary * width + layers * blockParameters(sizes) + width;
}

/** A and B of all adapters. */
export function adapterParameters(sizes: ModelSizes, rank: number, matrices: AdaptedMatrices): number {
  const { layers, width, hidden } = sizes;
  const attention = 4 * rank * 2 * width;
  const gated = matrices === 'all' ? 3 * rank * (width + hidden) : 0;
  return layers * (attention + gated);
}
