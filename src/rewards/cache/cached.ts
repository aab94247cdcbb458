import { BicotError, reasonOf } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import { checkResults } from '../calls/check-results.js';
import type { RewardFunction, RewardResult, Sample } from '../reward.js';
import { contentKey } from './key.js';
import { type KnownResult, memoryRewardStore, type RewardStore } from './store.js';

/** How a reward's results are kept. */
export interface RewardCacheOptions {
  /**
   * Names the reward and its version, e.g. `clip-vit-l14@1`. Change it with anything that changes scores: a store on disk
   * outlives the program.
   */
  readonly version: string;
  /** Default: in memory, the last 100000. `fileRewardStore` of `bicot/node` keeps them on disk. */
  readonly store?: RewardStore;
  /** What the reward looks at, e.g. `({ image, prompt }) => ({ image, prompt })`. Default: prompt, plan, image and tokens. */
  readonly content?: (sample: Sample) => unknown;
  /** Told once when the store fails; the reward is then asked itself. Default: `console.warn`. */
  readonly onStoreError?: (message: string) => void;
}

/**
 * The same reward, asked once per content: equal samples get the result that was given first. Failures are not kept.
 * For rewards that judge each sample by itself and always in the same way.
 * @throws BicotError `value` for options that make no sense. Calling it: what `reward` throws, and `unsupported` where there
 *   is no Web Crypto
 */
export function cachedReward<P = unknown>(
  reward: RewardFunction<P>,
  options: RewardCacheOptions,
): RewardFunction<P> {
  assertKnownOptions('cachedReward', options, ['version', 'store', 'content', 'onStoreError']);
  const { version, store = memoryRewardStore(), content } = options;
  if (typeof version !== 'string' || version === '') {
    throw new BicotError(
      'value',
      `cachedReward: version is ${JSON.stringify(version)}; expected a name for the reward and its version, so that another one's results are not taken for its own.`,
    );
  }
  const warn = onceOnly(options.onStoreError ?? ((message) => console.warn(message)));
  return async (samples, call) => {
    const keys = await Promise.all(samples.map((sample) => contentKey(version, sample, content)));
    const results: (RewardResult | undefined)[] = await known(store, keys, warn);
    // Equal samples of one batch are asked about once.
    const asked = new Map<string, Sample<P>>();
    keys.forEach((key, i) => {
      if (!results[i]) asked.set(key, samples[i] as Sample<P>);
    });
    const found = results.filter((result) => result !== undefined).length;
    if (found > 0) call?.onEvent?.({ kind: 'cached', samples: found });
    const answers = asked.size === 0 ? [] : await reward([...asked.values()], call);
    checkResults(answers, asked.size);
    const byKey = new Map([...asked.keys()].map((key, i) => [key, answers[i] as RewardResult]));
    await keep(store, byKey, warn);
    return keys.map((key, i) => results[i] ?? (byKey.get(key) as RewardResult));
  };
}

function onceOnly(warn: (message: string) => void): (message: string) => void {
  let said = false;
  return (message) => {
    if (!said) warn(message);
    said = true;
  };
}

async function known(
  store: RewardStore,
  keys: readonly string[],
  warn: (message: string) => void,
): Promise<(KnownResult | undefined)[]> {
  try {
    const results = await store.get(keys);
    return keys.map((_, i) => (isKnown(results[i]) ? results[i] : undefined));
  } catch (error) {
    warn(`bicot: the reward cache could not be read (${reasonOf(error)}); the reward is asked instead.`);
    return keys.map(() => undefined);
  }
}

const isKnown = (result: KnownResult | undefined): result is KnownResult =>
  result?.kind === 'abstain' || (result?.kind === 'score' && Number.isFinite(result.value));

async function keep(
  store: RewardStore,
  results: ReadonlyMap<string, RewardResult>,
  warn: (message: string) => void,
): Promise<void> {
  const entries = [...results].filter((entry): entry is [string, KnownResult] => entry[1].kind !== 'failure');
  try {
    if (entries.length > 0) await store.set(new Map(entries));
  } catch (error) {
    warn(
      `bicot: the reward cache could not be written (${reasonOf(error)}); the run goes on without what it would have kept.`,
    );
  }
}
