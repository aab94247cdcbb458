/** A signal that is aborted with another one, or by itself. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(): void;
  /** Lets go of the other signal. To be called in the end. */
  release(): void;
}

/** @param parent aborts this one too */
export function linkedAbort(parent: AbortSignal | undefined): LinkedAbort {
  const controller = new AbortController();
  const follow = (): void => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  parent?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: () => controller.abort(),
    release: () => parent?.removeEventListener('abort', follow),
  };
}

/**
 * Waits for something that may never come, but not after a signal: then it is `undefined`. What comes later is let go.
 * @throws what `work` throws, if it does so before
 */
export async function orAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  if (signal?.aborted) {
    work.catch(() => {});
    return undefined;
  }
  const { promise, stop } = aborted(signal);
  try {
    return await Promise.race([work, promise]);
  } finally {
    work.catch(() => {});
    stop();
  }
}

function aborted(signal: AbortSignal | undefined): { promise: Promise<undefined>; stop(): void } {
  let told: (() => void) | undefined;
  const promise = new Promise<undefined>((done) => {
    told = () => done(undefined);
    signal?.addEventListener('abort', told, { once: true });
  });
  return { promise, stop: () => told && signal?.removeEventListener('abort', told) };
}
