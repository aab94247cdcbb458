import { type Backoff, pauseBefore, sleep } from './backoff.js';

/** Between attempts to write to a disk, in milliseconds. */
const WRITE_PAUSES: Backoff = { first: 250, most: 5000 };

/**
 * Writes something, again after a pause that grows if it fails.
 * @param attempt leaves what was there as it was when it fails, or finds that out when it is called again
 * @param retries how often it is repeated
 * @param failed the error to throw in the end, of the last one and the number of attempts
 * @param hopeless whether waiting can't help. Default: it always may
 */
export async function writePatiently<T>(
  attempt: () => Promise<T>,
  retries: number,
  failed: (error: unknown, attempts: number) => Error,
  hopeless: (error: unknown) => boolean = () => false,
): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt();
    } catch (error) {
      if (made > retries || hopeless(error)) throw failed(error, made);
    }
    await sleep(pauseBefore(made, WRITE_PAUSES));
  }
}
