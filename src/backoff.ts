import { linkedAbort } from './abort.js';

/** How pauses grow, in milliseconds. */
export interface Backoff {
  readonly first: number;
  /** No pause is longer. */
  readonly most: number;
}

/**
 * The pause before the n-th repetition (from 1), in milliseconds: `first · 2^(n−1)`, at most `most`, of which a random half is
 * left out, so that what failed together does not come back together.
 * @param retryAfterMs what the other side asked for; believed up to `most`
 */
export function pauseBefore(repetition: number, { first, most }: Backoff, retryAfterMs?: number): number {
  const pause = Math.min(most, first * 2 ** (repetition - 1));
  // Chance decides only when, never what.
  const jittered = pause * (1 - Math.random() / 2);
  return retryAfterMs === undefined ? jittered : Math.min(most, Math.max(jittered, retryAfterMs));
}

/** Resolves after a while, or at once when the signal is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal?.addEventListener('abort', wake, { once: true });
  });
}

/** As long as a timer can be set: 24 days. */
const FOREVER = 2 ** 31 - 1;

/**
 * Waits for something that may never come, but not after a signal, nor longer than that. What comes later is let go.
 * @returns undefined if it did not come
 * @throws what `work` throws, if it does so before
 */
export async function patiently<T>(
  work: Promise<T>,
  { milliseconds = FOREVER, signal }: { readonly milliseconds?: number; readonly signal?: AbortSignal },
): Promise<T | undefined> {
  const over = linkedAbort(signal);
  try {
    return await Promise.race([work, sleep(milliseconds, over.signal).then(() => undefined)]);
  } finally {
    work.catch(() => {});
    over.abort();
    over.release();
  }
}
