import type { Abstain, Score } from '../reward.js';

/** What is worth keeping: failures are not. */
export type KnownResult = Score | Abstain;

/** Where results are kept, by content key. One that throws costs calls, never the run. */
export interface RewardStore {
  /** The results that are known, in the keys' order. */
  get(keys: readonly string[]): Promise<readonly (KnownResult | undefined)[]>;
  /** Keeps results. */
  set(entries: ReadonlyMap<string, KnownResult>): Promise<void>;
}

/**
 * A store in memory that forgets what was not asked for longest.
 * @param most results that it keeps, some 200 bytes each. Default 100000
 */
export function memoryRewardStore(most = 100_000): RewardStore {
  const known = new Map<string, KnownResult>();
  const keep = (key: string, result: KnownResult): void => {
    known.delete(key);
    known.set(key, result);
  };
  return {
    async get(keys) {
      return keys.map((key) => {
        const result = known.get(key);
        if (result) keep(key, result);
        return result;
      });
    },
    async set(entries) {
      for (const [key, result] of entries) keep(key, result);
      for (const oldest of known.keys()) {
        if (known.size <= most) break;
        known.delete(oldest);
      }
    },
  };
}
