import * as tf from '@tensorflow/tfjs';
import { isFused } from '../kernels/choice.js';
import { DRAW_TOKENS, fusedDrawTokens } from '../kernels/fused/draw-tokens.js';
import { isTruncated, type SamplingOptions } from '../policy/distribution.js';
import { keptBytes } from '../policy/kept.js';
import { type DrawnToken, drawToken, fillDistribution, logitsScratch, writeKept } from './logits.js';

/** One token of each row. */
export interface DrawnTokens {
  /** `[n]`; −1 where a logit was NaN or infinite. */
  readonly ids: ArrayLike<number>;
  /** `[n]`: under the distribution drawn from. */
  readonly logProbs: ArrayLike<number>;
  /** `[n]`: that distribution's entropy in nats. */
  readonly entropies: ArrayLike<number>;
  /** `[n · keptBytes]`: what truncation kept, if it was to be recorded. */
  readonly kept?: Uint8Array;
}

/**
 * Draws a token of each row.
 * @param logits `[n, V]`, or with guidance `[2n, V]`: the conditional rows, then the unconditional ones. Not disposed
 * @param uniforms `[n]`, in `[0, 1)`
 */
export type DrawTokens = (logits: tf.Tensor2D, uniforms: Float64Array) => Promise<DrawnTokens>;

/**
 * How tokens of a distribution are drawn: on the device where it has a kernel for it, so that three numbers a row are
 * read and not a vocabulary; else on the host.
 * @param guided whether the logits come in two halves
 */
export function tokenDrawer(vocabulary: number, sampling: SamplingOptions, guided: boolean): DrawTokens {
  const onHost = hostDrawer(vocabulary, sampling, guided);
  // A truncated distribution is sorted, which the kernel does not.
  if (isTruncated(sampling, vocabulary)) return onHost;
  return (logits, uniforms) =>
    isFused(DRAW_TOKENS, [logits])
      ? deviceDraw(logits, uniforms, sampling, guided)
      : onHost(logits, uniforms);
}

async function deviceDraw(
  logits: tf.Tensor2D,
  uniforms: Float64Array,
  { temperature = 1, guidance }: SamplingOptions,
  guided: boolean,
): Promise<DrawnTokens> {
  const rows = uniforms.length;
  const drawn = tf.tidy(() => {
    // Multiples of 2⁻³², which is what the streams give, unrounded.
    const bits = Int32Array.from(uniforms, (uniform) => Math.floor(uniform * 2 ** 32));
    const attributes = { scale: guided ? (guidance?.scale ?? 1) : 1, temperature, guided: guided ? 1 : 0 };
    return fusedDrawTokens(logits, tf.tensor1d(bits, 'int32'), attributes);
  });
  const values = (await drawn.data()) as Float32Array;
  drawn.dispose();
  return {
    ids: values.subarray(0, rows),
    logProbs: values.subarray(rows, 2 * rows),
    entropies: values.subarray(2 * rows),
  };
}

function hostDrawer(vocabulary: number, sampling: SamplingOptions, guided: boolean): DrawTokens {
  const scratch = logitsScratch(vocabulary);
  const token: DrawnToken = { id: 0, logProb: 0, entropy: 0 };
  const bytes = keptBytes(vocabulary);
  const records = sampling.recordKept === true && isTruncated(sampling, vocabulary);
  return async (logits, uniforms) => {
    const rows = uniforms.length;
    const values = (await logits.data()) as Float32Array;
    const unconditional = guided ? values.subarray(rows * vocabulary) : undefined;
    const ids = new Int32Array(rows);
    const logProbs = new Float32Array(rows);
    const entropies = new Float32Array(rows);
    const kept = records ? new Uint8Array(rows * bytes) : undefined;
    for (let row = 0; row < rows; row++) {
      if (!fillDistribution(scratch, values, unconditional, row * vocabulary, sampling)) {
        ids[row] = -1;
        continue;
      }
      drawToken(scratch, uniforms[row] as number, token);
      ids[row] = token.id;
      logProbs[row] = token.logProb;
      entropies[row] = token.entropy;
      if (kept) writeKept(scratch, kept, row * bytes);
    }
    return { ids, logProbs, entropies, ...(kept && { kept }) };
  };
}
