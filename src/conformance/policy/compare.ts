import * as tf from '@tensorflow/tfjs';
import { completionLogProbs } from '../../policy/log-probs.js';
import type { TokenBatch } from '../../policy/tokens.js';
import { error, type Measured, ok } from '../finding.js';
import type { Subject } from './subject.js';

/** How far two identical calls may be apart. */
export const NOISE_TOLERANCE = 1e-6;
/** How much a log-prob may depend on batch-mates and padding. */
export const INVARIANCE_TOLERANCE = 1e-5;
/** How far two ways to compute a log-prob may be apart. */
export const AGREEMENT_TOLERANCE = 1e-4;

/** Reads a tensor and disposes it. */
export async function read(compute: () => tf.Tensor): Promise<Float32Array> {
  const tensor = compute();
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}

/** Log-probs of the whole vocabulary, `[N · T · V]`. */
export function logSoftmax<Context>(
  { policy, contexts, space }: Subject<Context>,
  completion: TokenBatch,
  rows: readonly Context[] = contexts,
): Promise<Float32Array> {
  return read(() => tf.tidy(() => tf.logSoftmax(policy.logits(rows, completion, space))));
}

/** One row's log-probs, `[T]`. */
export function rowLogProbs<Context>(
  subject: Subject<Context>,
  row: number,
  completion: TokenBatch,
): Promise<Float32Array> {
  const { policy, contexts, space } = subject;
  return read(() => completionLogProbs(policy, { contexts: [contexts[row] as Context], completion, space }));
}

/** The largest difference over the first array's entries; NaN counts as infinite. */
export function difference(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs((a[i] as number) - (b[i] as number));
    if (!(gap <= worst)) worst = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
  }
  return worst;
}

/** The largest difference at the valid positions of `[N · T · V]` values. */
export function validDifference(a: Float32Array, b: Float32Array, completion: TokenBatch): number {
  const { rows, width, lengths } = completion;
  const size = a.length / (rows * width);
  let worst = 0;
  for (let row = 0; row < rows; row++) {
    const from = row * width * size;
    const to = from + (lengths[row] as number) * size;
    worst = Math.max(worst, difference(a.subarray(from, to), b.subarray(from)));
  }
  return worst;
}

/** A finding about log-probs that should be equal. */
export function within(worst: number, tolerance: number, what: string): Measured {
  const detail = `log-probs of ${what} differ by ${beside(worst, tolerance)}`;
  return worst < tolerance ? ok(detail) : error(detail);
}

/** A difference and what it may be, to read. */
export const beside = (gap: number, allowed: number): string =>
  `${gap === 0 ? '0' : gap.toExponential(1)} (allowed ${allowed.toExponential()})`;
