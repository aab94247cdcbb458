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
