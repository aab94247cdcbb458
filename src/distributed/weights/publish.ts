import type * as tf from '@tensorflow/tfjs';
import { readInto } from '../../backends/host-memory.js';
import type { WeightEntry, WeightSet } from '../../parallel/protocol.js';
import type { NamedTensors } from '../../parallel/shared-weights.js';
import { checksum, pack } from '../wire/packed.js';
import { CHUNK_BYTES, type Manifest, type ManifestChunk, versionOf } from './manifest.js';
import { shuffled } from './shuffle.js';
import type { WeightStore } from './store.js';

/** The versions of the weights that workers can fetch. */
export interface PublishedWeights {
  /**
   * Makes the present values of a set a version that can be fetched, unless they are one. The newest of each set stays.
   * @returns its name; the caller releases it
   */
  publish(set: WeightSet, tensors: NamedTensors): Promise<string>;
  /** Keeps a version for one more who will release it. */
  retain(version: string): void;
  /** Lets go of a version, which is deleted once nobody needs it, and another of its set was published. */
  release(version: string): void;
  /** Writes a version again that was lost. @returns false if this process does not have it either */
  restore(version: string): Promise<boolean>;
  /** Keeps everything from vanishing by itself. */
  touch(): Promise<void>;
  /** Bytes of the versions that are kept, as they are stored. */
  storedBytes(): number;
  /** Deletes all versions, those of a former life too. */
  clear(): Promise<void>;
}

interface Version {
  readonly manifest: Manifest;
  /** As they were; chunks are compressed again if they have to be. */
  readonly values: Float32Array;
  users: number;
}

/**
 * @param layout of the variables
 * @param maxBytes that a chunk may have
 */
export function publishedWeights(
  store: WeightStore,
  layout: readonly WeightEntry[],
  maxBytes: number,
): PublishedWeights {
  const versions = new Map<string, Version>();
  /** The last version of a set of tensors, by the identity of their data. */
  const known = new Map<string, { readonly data: readonly object[]; readonly version: string }>();
  const newest = new Map<WeightSet, string>();
  const size = layout.reduce((sum, entry) => sum + entry.size, 0);

  const write = async (version: string, { manifest, values }: Version): Promise<void> => {
    const missing = await store.missing([...new Set(manifest.chunks.map(({ sha256 }) => sha256))]);
    let begin = 0;
    for (const { sha256, raw } of manifest.chunks) {
      if (missing.has(sha256)) {
        const { stored } = await packed(bytesOf(values).subarray(begin, begin + raw), maxBytes);
        await store.putChunk(sha256, stored);
      }
      begin += raw;
    }
    await store.putVersion(version, JSON.stringify(manifest));
  };

  const prune = async (): Promise<void> => {
    for (const [version, { users }] of versions) {
      if (users === 0 && ![...newest.values()].includes(version)) versions.delete(version);
    }
    for (const version of await store.versions()) {
      if (versions.has(version)) continue;
      const text = await store.version(version);
      await store.dropVersion(version);
      const used = new Set([...versions.values()].flatMap(({ manifest }) => chunksOf(manifest)));
      await store.dropChunks(chunksOf(parsed(text)).filter((chunk) => !used.has(chunk)));
    }
  };

  return {
    async publish(set, tensors) {
      const data = layout.map(({ name }) => (tensors[name] as tf.Tensor).dataId);
      const same = [...known.values()].find(({ data: old }) => old.every((one, i) => one === data[i]));
      const kept = same && versions.get(same.version);
      if (same && kept) {
        kept.users++;
        newest.set(set, same.version);
        return same.version;
      }
      const values = new Float32Array(size);
      for (const { name, offset, size: count } of layout) {
        await readInto(tensors[name] as tf.Tensor, values.subarray(offset, offset + count));
      }
      const manifest = await manifestFor(values, maxBytes);
      const version = versionOf(manifest, layout);
      const own = versions.get(version) ?? { manifest, values, users: 0 };
      own.users++;
      versions.set(version, own);
      newest.set(set, version);
      await write(version, own);
      known.set(version, { data, version });
      await prune();
      for (const name of known.keys()) if (!versions.has(name)) known.delete(name);
      return version;
    },
    retain(version) {
      const own = versions.get(version);
      if (own) own.users++;
    },
    release(version) {
      const own = versions.get(version);
      if (own) own.users = Math.max(0, own.users - 1);
    },
    async restore(version) {
      const own = versions.get(version);
      if (own) await write(version, own);
      return own !== undefined;
    },
    touch: () =>
      store.touch(
        [...versions.keys()],
        [...new Set([...versions.values()].flatMap(({ manifest }) => chunksOf(manifest)))],
      ),
    storedBytes: () => {
      const chunks = new Map<string, number>();
      for (const { manifest } of versions.values())
        for (const { sha256, bytes } of manifest.chunks) chunks.set(sha256, bytes);
      return [...chunks.values()].reduce((sum, bytes) => sum + bytes, 0);
    },
    async clear() {
      versions.clear();
      known.clear();
      newest.clear();
      await prune();
    },
  };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const packed = (bytes: Uint8Array, most: number) =>
  pack(shuffled(bytes), { most, what: 'a chunk of weights' });

async function manifestFor(values: Float32Array, maxBytes: number): Promise<Manifest> {
  const bytes = bytesOf(values);
  const chunks: ManifestChunk[] = [];
  for (let begin = 0; begin < bytes.length; begin += CHUNK_BYTES) {
    const piece = bytes.subarray(begin, begin + CHUNK_BYTES);
    const { bytes: stored, raw } = await packed(piece, maxBytes);
    chunks.push({ sha256: checksum(piece), raw, bytes: stored });
  }
  return { chunks };
}

const chunksOf = ({ chunks }: Manifest): string[] => chunks.map(({ sha256 }) => sha256);

/** Of a former life, and maybe damaged. */
function parsed(text: string | undefined): Manifest {
  try {
    const { chunks } = JSON.parse(text ?? '') as Manifest;
    if (Array.isArray(chunks)) return { chunks };
  } catch {
    // Its chunks vanish by themselves.
  }
  return { chunks: [] };
}
