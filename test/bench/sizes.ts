import type { TransformerOptions } from 'bicot/models';

/** A model and what it is trained on: B prompts with G samples each, N = B·G. */
export interface Size {
  readonly text: number;
  readonly image: number;
  readonly imageLength: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  /** C, the text tokens before an image. */
  readonly contextLength: number;
  /** G. */
  readonly groupSize: number;
  /** B of one update. */
  readonly trainPrompts: number;
  /** B of the decoding benchmarks. */
  readonly decodePrompts: readonly number[];
  /** The most tokens of a plan, for whole steps. */
  readonly planLength: number;
}

const S: Size = {
  text: 256,
  image: 512,
  imageLength: 64,
  width: 128,
  layers: 4,
  heads: 4,
  hidden: 344,
  contextLength: 32,
  groupSize: 8,
  trainPrompts: 2,
  decodePrompts: [2, 4],
  planLength: 16,
};

/**
 * `demo` is the emoji demo's model and batch; `lean` has a text vocabulary so large that logits count; `tiny` is for trying
 * the benchmarks themselves.
 */
export const SIZES = {
  S,
  M: { ...S, width: 256, layers: 6, heads: 8, hidden: 688 },
  demo: { ...S, text: 216, image: 503, contextLength: 24, trainPrompts: 4, decodePrompts: [4] },
  lean: {
    text: 16_384,
    image: 1024,
    imageLength: 256,
    width: 256,
    layers: 4,
    heads: 4,
    hidden: 704,
    contextLength: 32,
    groupSize: 8,
    trainPrompts: 1,
    decodePrompts: [1],
    planLength: 128,
  },
  tiny: {
    text: 20,
    image: 30,
    imageLength: 8,
    width: 16,
    layers: 2,
    heads: 2,
    hidden: 24,
    contextLength: 6,
    groupSize: 2,
    trainPrompts: 2,
    decodePrompts: [2],
    planLength: 4,
  },
} as const satisfies Readonly<Record<string, Size>>;

/** Names of the sizes. */
export type SizeName = keyof typeof SIZES;

/** The ids that start a sequence, end a plan, start a picture, and lie below all words: those of the emoji demo. */
export const BEGIN = 1;
export const END = 2;
export const IMAGE = 3;
export const SPECIALS = 4;

/** What `createTransformer` wants to know. */
export function transformerOptions(size: Size): TransformerOptions {
  const { text, image, imageLength, width, layers, heads, hidden } = size;
  return {
    textVocabulary: text,
    imageVocabulary: image,
    imageLength,
    endToken: END,
    specialTokens: SPECIALS,
    width,
    layers,
    heads,
    hidden,
  };
}
