import * as tf from '@tensorflow/tfjs';
import type { TransformerConfig } from 'bicot/models';
import type { ProblemSampling } from '../problem.js';
import { type Decoder, startDecoder } from './decode.js';
import type { Weights } from './model.js';

/** Completions and the log-probs that they were drawn with, one list a row. */
export interface Sampled {
  readonly tokens: number[][];
  readonly logProbs: number[][];
}

/** What is sampled. */
export interface SampleOptions extends ProblemSampling {
  readonly image: boolean;
  /** The model's contexts without their condition, for guidance. */
  readonly unconditional: (context: readonly number[]) => number[];
  /** Compute each context once for this many rows, instead of once for each row. Default 1. */
  readonly copies?: number;
  /** Tokens to take instead of drawing them, `[N][T]`. */
  readonly forced?: readonly (readonly number[])[];
}

/** The guided and tempered logits of one step; with guidance the model runs twice. */
function nextLogits(
  decoders: readonly Decoder[],
  fed: readonly number[] | undefined,
  { guidance, temperature }: ProblemSampling,
): tf.Tensor2D {
  const branches = decoders.map((decoder) => decoder.next(fed));
  const logits = tf.tidy(() => {
    const [conditional, unconditional] = branches as [tf.Tensor2D, tf.Tensor2D?];
    const guided = unconditional
      ? tf.add(unconditional, tf.mul(tf.sub(conditional, unconditional), guidance))
      : conditional;
    return tf.div<tf.Tensor2D>(guided, temperature);
  });
  tf.dispose(branches);
  return logits;
}

/** Samples until all rows have ended. */
export async function sample(
  config: TransformerConfig,
  weights: Weights,
  contexts: readonly (readonly number[])[],
  options: SampleOptions,
): Promise<Sampled> {
  const { image, guidance, maxTokens, copies = 1, forced } = options;
  const rows = contexts.length * copies;
  const branches = guidance === 1 ? [contexts] : [contexts, contexts.map(options.unconditional)];
  const decoders = branches.map((branch) => startDecoder(config, weights, branch, image, copies));
  const tokens = Array.from({ length: rows }, (): number[] => []);
  const logProbs = Array.from({ length: rows }, (): number[] => []);
  const ended = (n: number): boolean => !image && tokens[n]?.at(-1) === config.endToken;
  let fed: number[] | undefined;
  for (let t = 0; t < maxTokens && tokens.some((_, n) => !ended(n)); t++) {
    const logits = nextLogits(decoders, fed, options);
    const [ids, scores] = tf.tidy(() => {
      const drawn = forced
        ? tf.tensor1d(
            forced.map((row) => row[t] ?? 0),
            'int32',
          )
        : (tf.reshape(tf.multinomial(logits, 1), [rows]) as tf.Tensor1D);
      const all = tf.logSoftmax(logits);
      return [drawn, tf.sum(tf.mul(all, tf.oneHot(drawn, logits.shape[1])), -1)];
    }) as [tf.Tensor1D, tf.Tensor1D];
    const [drawn, scored] = [await ids.data(), await scores.data()];
    tf.dispose([logits, ids, scores]);
    for (let n = 0; n < rows; n++) {
      if (ended(n)) continue;
      tokens[n]?.push(drawn[n] as number);
      logProbs[n]?.push(scored[n] as number);
    }
    fed = [...drawn];
  }
  for (const decoder of decoders) decoder.dispose();
  return { tokens, logProbs };
}
