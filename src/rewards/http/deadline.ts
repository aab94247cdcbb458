/** A signal that ends with the caller's own or with time, and what tells the two apart. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** True once the time is up, and the caller has not aborted before. */
  readonly timedOut: () => boolean;
  /** Waits for a promise, or rejects when the signal ends, whether or not the other side heeds it. */
  readonly race: <T>(promise: Promise<T>) => Promise<T>;
  /** Removes the timer and the listener, and ends what is still under way. To be called in the end. */
  readonly clear: () => void;
}

/** @param timeout milliseconds */
export function deadline(timeout: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  let late = false;
  const abort = (): void => controller.abort(caller?.reason);
  const timer = setTimeout(() => {
    late = !signal.aborted;
    controller.abort();
  }, timeout);
  caller?.addEventListener('abort', abort, { once: true });
  if (caller?.aborted) abort();
  const race = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const stop = (): void => reject(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  const clear = (): void => {
    clearTimeout(timer);
    caller?.removeEventListener('abort', abort);
    controller.abort();
  };
  return { signal, timedOut: () => late, race, clear };
}
