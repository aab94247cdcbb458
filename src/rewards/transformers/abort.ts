import { BicotError } from '../../errors.js';

/**
 * Throws if nobody waits any more; to be called before each run of a model, which can't be interrupted.
 * @throws BicotError `aborted`
 */
export function throwIfAborted(where: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new BicotError('aborted', `${where}: stopped by the abort signal.`, { cause: signal.reason });
  }
}
