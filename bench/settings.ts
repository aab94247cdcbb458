import { type TokenBatch, type TokenContext, uniformInteger, uniformStream } from 'bicot';
import { createTransformer, type TransformerPolicy } from 'bicot/models';

/** A model and a batch of B prompts with G samples each, N = B·G. */
export interface Size {
  readonly text: number;
  readonly image: number;
  readonly imageLength: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
  readonly prompts: number;
  readonly groupSize: number;
  readonly contextLength: number;
}

/** `demo` is the emoji demo's model and batch; `tiny` is for trying the benchmark itself. */
export const SIZES: Readonly<Record<string, Size>> = {
  demo: {
    text: 216,
    image: 503,
    imageLength: 64,
    width: 128,
    layers: 4,
    heads: 4,
    hidden: 344,
    prompts: 4,
    groupSize: 8,
    contextLength: 24,
  },
  tiny: {
    text: 20,
    image: 30,
    imageLength: 8,
    width: 16,
    layers: 2,
    heads: 2,
    hidden: 24,
    prompts: 2,
    groupSize: 2,
    contextLength: 6,
  },
};

/** What every benchmark is given. */
export interface BenchOptions {
  readonly size: Size;
  readonly rounds: number;
}

/** A transformer with random weights. */
export function makeModel(size: Size): TransformerPolicy {
  const { text, image, imageLength, width, layers, heads, hidden } = size;
  return createTransformer({
    textVocabulary: text,
    imageVocabulary: image,
    imageLength,
    endToken: 2,
    specialTokens: 4,
    width,
    layers,
    heads,
    hidden,
  });
}

/** `[B]` random contexts. */
export function makeContexts(size: Size): TokenContext[] {
  const stream = uniformStream('bench', 'contexts');
  return Array.from({ length: size.prompts }, () => ({
    ids: Int32Array.from({ length: size.contextLength }, () => uniformInteger(stream, size.text)),
  }));
}

/** `[N, T]` random images. */
export function makeImages(size: Size): TokenBatch {
  const stream = uniformStream('bench', 'images');
  const rows = size.prompts * size.groupSize;
  const width = size.imageLength;
  return {
    ids: Int32Array.from({ length: rows * width }, () => uniformInteger(stream, size.image)),
    lengths: new Int32Array(rows).fill(width),
    rows,
    width,
  };
}
