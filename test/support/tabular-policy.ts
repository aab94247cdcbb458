import * as tf from '@tensorflow/tfjs';
import type {
  DecodeOptions,
  DecodingSession,
  Policy,
  RgbImage,
  TokenContext,
  TokenSpace,
} from '../../src/policy/policy.js';
import { type TokenBatch, tokenRow } from '../../src/policy/tokens.js';
import { normalValues, uniformStream } from '../../src/tensor/noise.js';

/** Sizes and abilities of a tabular policy. */
export interface TabularOptions {
  readonly seed?: number;
  /** Standard deviation of the logits. */
  readonly scale?: number;
  readonly decoding?: boolean;
  readonly guidance?: boolean;
  readonly logProbs?: boolean;
}

export const TEXT = { size: 7, endToken: 6 } as const;
export const IMAGE = { size: 9, length: 5 } as const;
/** Context ids are below this. */
export const CONTEXT_SIZE = 8;

/** A bigram policy and what a test needs to know about it. */
export interface TabularPolicy extends Policy<TokenContext> {
  /** How many contexts were prepared by decoding sessions. */
  readonly preparedContexts: () => number;
  /** Logits in plain float64 JS: of the token after `previous` (undefined: the first one). */
  readonly exactLogits: (
    context: TokenContext,
    space: string,
    previous: number | undefined,
  ) => Promise<number[]>;
  readonly dispose: () => void;
}

let built = 0;

/**
 * A policy small enough to know its exact probabilities:
 * `logits[n, t] = bigram[token t − 1] + Σ_{c in context} bias[c]`, for each of two spaces.
 */
export function tabularPolicy(options: TabularOptions = {}): TabularPolicy {
  const { seed = 1, scale = 1, decoding = true, guidance = true, logProbs = false } = options;
  const id = built++;
  const variable = (name: string, rows: number, columns: number) => {
    const values = normalValues(uniformStream('tabular', seed, name), rows * columns).map((v) => v * scale);
    return tf.tidy(() => tf.variable(tf.tensor2d(values, [rows, columns]), true, `tabular${id}/${name}`));
  };
  const table = {
    // The last bigram row belongs to "no token yet".
    text: {
      bigram: variable('text/bigram', TEXT.size + 1, TEXT.size),
      bias: variable('text/bias', CONTEXT_SIZE, TEXT.size),
    },
    image: {
      bigram: variable('image/bigram', IMAGE.size + 1, IMAGE.size),
      bias: variable('image/bias', CONTEXT_SIZE, IMAGE.size),
    },
  };
  const variables = {
    'text/bigram': table.text.bigram,
    'text/bias': table.text.bias,
    'image/bigram': table.image.bigram,
    'image/bias': table.image.bias,
  };
  const spaces: Record<string, TokenSpace> = {
    text: { kind: 'text', ...TEXT, decode: (ids) => Array.from(ids).join(' ') },
    image: { kind: 'image', ...IMAGE, decode: async (tokens) => pictures(tokens) },
  };
  let prepared = 0;

  const contextLogits = (contexts: readonly TokenContext[], space: string): tf.Tensor2D => {
    const counts = new Float32Array(contexts.length * CONTEXT_SIZE);
    contexts.forEach((context, n) => {
      for (const c of context.ids)
        counts[n * CONTEXT_SIZE + c] = (counts[n * CONTEXT_SIZE + c] as number) + 1;
    });
    return tf.matMul(tf.tensor2d(counts, [contexts.length, CONTEXT_SIZE]), tableOf(space).bias);
  };
  const bigramLogits = (previous: Int32Array, space: string): tf.Tensor2D => {
    const { bigram } = tableOf(space);
    return tf.matMul(oneHots(previous, bigram.shape[0]), bigram as tf.Tensor2D);
  };
  const tableOf = (space: string) =>
    table[space as 'text' | 'image'] as { bigram: tf.Variable<tf.Rank.R2>; bias: tf.Variable<tf.Rank.R2> };

  const policy: TabularPolicy = {
    variables,
    spaces,
    logits(contexts, completion, space) {
      const { rows, width } = completion;
      const size = (spaces[space] as TokenSpace).size;
      return tf.tidy(() => {
        const previous = new Int32Array(rows * width);
        for (let n = 0; n < rows; n++) {
          for (let t = 0; t < width; t++) {
            previous[n * width + t] = t === 0 ? size : (completion.ids[n * width + t - 1] as number);
          }
        }
        const bigrams = tf.reshape(bigramLogits(previous, space), [rows, width, size]);
        return tf.add(bigrams, tf.reshape(contextLogits(contexts, space), [rows, 1, size])) as tf.Tensor3D;
      });
    },
    ...(logProbs && {
      logProbs(
        contexts: readonly TokenContext[],
        completion: TokenBatch,
        space: string,
        temperature: number,
      ) {
        const size = (spaces[space] as TokenSpace).size;
        return tf.tidy(() => {
          const logits = tf.div(policy.logits(contexts, completion, space), temperature);
          const targets = tf.reshape(oneHots(completion.ids, size), logits.shape);
          return tf.sum(tf.mul(tf.logSoftmax(logits), targets), -1) as tf.Tensor2D;
        });
      },
    }),
    ...(decoding && {
      startDecoding(
        contexts: readonly TokenContext[],
        space: string,
        { samplesPerContext }: DecodeOptions,
      ): DecodingSession {
        const size = (spaces[space] as TokenSpace).size;
        const rows = contexts.length * samplesPerContext;
        prepared += contexts.length;
        let bias = tf.tidy(() => {
          const perContext = tf.reshape(contextLogits(contexts, space), [contexts.length, 1, size]);
          return tf.reshape(tf.tile(perContext, [1, samplesPerContext, 1]), [rows, size]) as tf.Tensor2D;
        });
        return {
          rows,
          next: (tokens) =>
            tf.tidy(
              () =>
                tf.add(bigramLogits(tokens ?? new Int32Array(rows).fill(size), space), bias) as tf.Tensor2D,
            ),
          keep(kept) {
            const all = bias;
            bias = tf.tidy(() => tf.gather(all, tf.tensor1d(kept, 'int32')));
            all.dispose();
          },
          dispose: () => bias.dispose(),
        };
      },
    }),
    ...(guidance && { unconditional: () => ({ ids: new Int32Array(0) }) }),
    preparedContexts: () => prepared,
    async exactLogits(context, space, previous) {
      const { bigram, bias } = tableOf(space);
      const size = (spaces[space] as TokenSpace).size;
      const rows = await bigram.data();
      const biases = await bias.data();
      return Array.from({ length: size }, (_, v) =>
        context.ids.reduce(
          (sum, c) => sum + (biases[c * size + v] as number),
          rows[(previous ?? size) * size + v] as number,
        ),
      );
    },
    dispose() {
      for (const value of Object.values(variables)) value.dispose();
    },
  };
  return policy;
}

/** `[n, size]`. Cast, because the wasm kernel writes integers whatever dtype it is asked for. */
function oneHots(ids: Int32Array, size: number): tf.Tensor2D {
  return tf.cast(tf.oneHot(tf.tensor1d(ids, 'int32'), size), 'float32') as tf.Tensor2D;
}

/** Each row's tokens as the red values of a one-pixel-high picture. */
function pictures(tokens: TokenBatch): RgbImage[] {
  return Array.from({ length: tokens.rows }, (_, row) => {
    const ids = tokenRow(tokens, row);
    const data = new Uint8Array(ids.length * 3);
    ids.forEach((id, i) => {
      data[i * 3] = id;
    });
    return { width: ids.length, height: 1, data };
  });
}

/** A context of these ids. */
export const context = (...ids: number[]): TokenContext => ({ ids: Int32Array.from(ids) });

/** Log-softmax in float64. */
export function exactLogProbs(logits: readonly number[]): number[] {
  const max = Math.max(...logits);
  const logTotal = Math.log(logits.reduce((sum, z) => sum + Math.exp(z - max), 0));
  return logits.map((z) => z - max - logTotal);
}
