import { BicotError } from '../../errors.js';
import type { WeightEntry } from '../../parallel/protocol.js';
import { layoutMemory } from '../../parallel/shared-weights.js';
import { checksum, inflateTo } from '../wire/packed.js';
import { CHUNK_BYTES, manifestOf } from './manifest.js';
import { unshuffled } from './shuffle.js';
import type { WeightStore } from './store.js';

/** The weights that a worker has fetched. */
export interface FetchedWeights {
  /**
   * The numbers of a version, laid out as the variables are.
   * @throws BicotError `value` if they are gone or damaged; a damaged chunk is removed from the store, so that it is written again
   */
  fetch(version: string): Promise<SharedArrayBuffer>;
  /** Bytes that were fetched, as they are stored. */
  readonly fetched: number;
}

interface Kept {
  readonly buffer: SharedArrayBuffer;
  /** Where each chunk begins, in bytes. */
  readonly chunks: ReadonlyMap<string, { readonly begin: number; readonly raw: number }>;
}

/**
 * @param keep versions that are kept: a fetched one takes over the chunks that they have
 * @param maxBytes that a chunk may have
 */
export function fetchedWeights(
  store: WeightStore,
  layout: readonly WeightEntry[],
  { keep = 3, maxBytes }: { keep?: number; maxBytes: number },
): FetchedWeights {
  const kept = new Map<string, Promise<Kept>>();
  /** Those that are there already. */
  const there = new Map<string, Kept>();
  let fetched = 0;

  const load = async (version: string): Promise<Kept> => {
    const text = await store.version(version);
    if (text === undefined) throw gone(`the weights ${version.slice(0, 12)}`);
    const manifest = manifestOf(text, version, layout);
    const buffer = layoutMemory(layout);
    const bytes = new Uint8Array(buffer);
    const chunks = new Map<string, { begin: number; raw: number }>();
    let begin = 0;
    for (const { sha256, raw } of manifest.chunks) {
      const from = [...there.values()].find((one) => one.chunks.has(sha256));
      const place = from?.chunks.get(sha256);
      if (from && place) bytes.set(new Uint8Array(from.buffer, place.begin, place.raw), begin);
      else bytes.set(await chunkOf(sha256, raw), begin);
      chunks.set(sha256, { begin, raw });
      begin += raw;
    }
    return { buffer, chunks };
  };

  const chunkOf = async (sha256: string, raw: number): Promise<Uint8Array> => {
    const what = `the chunk ${sha256.slice(0, 12)} of the weights`;
    const stored = await store.chunk(sha256);
    if (!stored) throw gone(what);
    if (stored.length > maxBytes || raw > CHUNK_BYTES) {
      throw new BicotError('value', `distributed: ${what} is larger than there can be one.`);
    }
    try {
      const bytes = unshuffled(await inflateTo(stored, raw, what));
      if (checksum(bytes) !== sha256) throw new BicotError('value', `distributed: ${what} is damaged.`);
      fetched += stored.length;
      return bytes;
    } catch (error) {
      // The coordinator writes again what is not there; what is there but damaged it would never look at.
      await store.dropChunks([sha256]);
      throw error;
    }
  };

  return {
    async fetch(version) {
      const own = kept.get(version);
      if (own) {
        // Used last, dropped last.
        kept.delete(version);
        kept.set(version, own);
        return (await own).buffer;
      }
      const loading = load(version);
      kept.set(version, loading);
      try {
        const own = await loading;
        there.set(version, own);
        for (const name of kept.keys()) {
          if (kept.size <= keep) break;
          kept.delete(name);
          there.delete(name);
        }
        return own.buffer;
      } catch (error) {
        kept.delete(version);
        throw error;
      }
    },
    get fetched() {
      return fetched;
    },
  };
}

const gone = (what: string): BicotError =>
  new BicotError(
    'value',
    `distributed: ${what} can't be found: nobody wants them any more, or Redis lost them.`,
  );
