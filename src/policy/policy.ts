import type * as tf from '@tensorflow/tfjs';
import type { Recipe } from '../recipe.js';
import type { TokenBatch } from './tokens.js';

/** Trainable variables by stable name, in a stable order (optimisers and checkpoints rely on both). */
export type NamedVariables = Readonly<Record<string, tf.Variable>>;

/** An 8-bit RGB image, row-major, `[height, width, 3]`. */
export interface RgbImage {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Red, green and blue of each pixel, 0 to 255. */
  readonly data: Uint8Array;
}

/** A vocabulary of text tokens that a policy can read and emit. */
export interface TextSpace {
  /** Tells it from an image space. */
  readonly kind: 'text';
  /** V: valid ids are `[0, size)`. */
  readonly size: number;
  /** Ends a completion; the end token is part of the completion. Without one, completions have the length asked for. */
  readonly endToken?: number;
  /** Ids to text, special tokens dropped. */
  decode?(ids: ArrayLike<number>): string;
  /** Text to ids, without special tokens. */
  encode?(text: string): Int32Array;
}

/** A vocabulary of image tokens that a policy can emit. */
export interface ImageSpace {
  /** Tells it from a text space. */
  readonly kind: 'image';
  /** V: valid ids are `[0, size)`. */
  readonly size: number;
  /** Tokens of one image. */
  readonly length: number;
  /** There is none: an image is complete after `length` tokens. */
  readonly endToken?: undefined;
  /** Image tokens `[N, length]` to N pictures. */
  decode?(tokens: TokenBatch): Promise<RgbImage[]>;
}

/** A vocabulary the policy can emit. */
export type TokenSpace = TextSpace | ImageSpace;

/** The usual context: the text tokens that one sample is conditioned on. */
export interface TokenContext {
  /** `[C]`: the completion follows the last one. */
  readonly ids: Int32Array;
}

/** What a decoding session must know before its first token. */
export interface DecodeOptions {
  /** Rows per context: row `i` of the session continues context `floor(i / samplesPerContext)`. The context is computed once and shared. */
  readonly samplesPerContext: number;
  /** The most tokens that will be decoded. */
  readonly maxTokens: number;
}

/** Token-by-token decoding of N rows with whatever cache the policy keeps. */
export interface DecodingSession {
  /** N, at the start. */
  readonly rows: number;
  /**
   * Feeds each row's newest token (nothing on the first call) and gives the logits of the next one.
   * @param tokens `[N]`, absent on the first call only
   * @returns `[N, V]`, N being the rows that go on; the caller disposes it
   */
  next(tokens?: Int32Array): tf.Tensor2D;
  /**
   * From now on only these of the present rows go on, in this order: `next` takes and gives so many. Without it, rows
   * that have ended are fed their last token again and ignored.
   * @param rows ascending
   */
  keep?(rows: Int32Array): void;
  /** Frees the cache. Safe to call twice. */
  dispose(): void;
}

/**
 * A model that can be sampled and trained. `Context` is what ONE sample is conditioned on and is
 * opaque to everything but the policy (tokens for most; a text encoder's features for some): a batch is
 * an array of contexts, so grouping, slicing and sharding are array operations. Rows that share a
 * context hold the same object.
 *
 * Only `variables`, `spaces` and `logits` are required: log-probs, sampling, guidance, the frozen
 * reference and training are derived from them.
 */
export interface Policy<Context = TokenContext> {
  /** What training updates. */
  readonly variables: NamedVariables;
  /** The vocabularies this policy can emit, by name (`text` and `image` for a unified model). */
  readonly spaces: Readonly<Record<string, TokenSpace>>;
  /**
   * Teacher-forced logits: entry `[n, t]` is the distribution of completion token `t` of row `n` given
   * its context and its tokens before `t`. Differentiable in `variables`. Values at padding are ignored.
   * A row's values must not depend on the other rows or on padding.
   * @returns `[N, T, V]`; the caller disposes it
   */
  logits(contexts: readonly Context[], completion: TokenBatch, space: string): tf.Tensor3D;
  /**
   * Log-probs of the completion's tokens at a temperature, for models that can't afford `[N, T, V]`.
   * Must equal what `logits` implies; used whenever no guidance or kept set needs the full logits.
   * @returns `[N, T]`; the caller disposes it
   */
  logProbs?(
    contexts: readonly Context[],
    completion: TokenBatch,
    space: string,
    temperature: number,
  ): tf.Tensor2D;
  /** The sampler's fast path; without it the sampler recomputes with `logits`. */
  startDecoding?(contexts: readonly Context[], space: string, options: DecodeOptions): DecodingSession;
  /** The context without its condition, for classifier-free guidance. */
  unconditional?(context: Context): Context;
  /**
   * How a worker makes the same policy in a thread of its own, for `parallel`. Its weights are overwritten, and what only
   * `spaces` use (tokenizers, decoders) is not called there.
   */
  readonly recipe?: Recipe;
}
