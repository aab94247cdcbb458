import { linkedAbort } from '../abort.js';
import { turn } from '../turn.js';
import type { Phase } from './clock.js';

/**
 * Waits for the rewards, and scores the reference while they are on their way: what waits for a service or another thread
 * costs no time then. What the phases are charged with is what this thread spent on each, and waited for.
 * @param rewards starts them
 * @param reference what is done beside them; absent for nothing
 * @throws what either throws; the other one is aborted and over by then
 */
export async function meanwhile<R, T>(
  rewards: (signal: AbortSignal) => Promise<R>,
  reference: ((signal: AbortSignal) => Promise<T>) | undefined,
  { enter, signal }: { enter: (phase: Phase) => void; signal?: AbortSignal },
): Promise<{ rewards: R; reference?: T }> {
  const stop = linkedAbort(signal);
  enter('reward');
  const asked = rewards(stop.signal);
  try {
    if (!reference) return { rewards: await asked };
    // Rewards that compute in this thread do it now, and are charged for it.
    const settled = await Promise.race([asked.then(() => true), turn().then(() => false)]);
    enter('reference');
    const scored = await reference(stop.signal);
    if (!settled) enter('reward');
    return { rewards: await asked, reference: scored };
  } finally {
    stop.abort();
    stop.release();
    await asked.catch(() => {});
  }
}
