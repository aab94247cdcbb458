import { setMaxListeners } from 'node:events';
import { BicotError } from '../../errors.js';
import type { Work } from './work.js';

/** @returns what a call that was stopped throws */
export function aborted(signal: AbortSignal | undefined): BicotError {
  return new BicotError('aborted', 'distributed: stopped by the abort signal.', { cause: signal?.reason });
}

/**
 * One more who waits for a task. Whoever aborts leaves alone; the task goes on for the others.
 * @param onLast called when the last one has left
 * @throws BicotError `aborted`; what the task is settled with
 */
export function waitFor<T>(
  work: Pick<Work, 'callers'>,
  signal: AbortSignal | undefined,
  onLast: () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = (): void => signal?.removeEventListener('abort', onAbort);
    const caller = {
      resolve: (value: never): void => {
        stopListening();
        resolve(value);
      },
      reject: (error: unknown): void => {
        stopListening();
        reject(error);
      },
    };
    const onAbort = (): void => {
      reject(aborted(signal));
      work.callers.splice(work.callers.indexOf(caller), 1);
      if (work.callers.length === 0) onLast();
    };
    // As many as tasks wait, which is no leak.
    if (signal) setMaxListeners(0, signal);
    signal?.addEventListener('abort', onAbort, { once: true });
    work.callers.push(caller);
  });
}
