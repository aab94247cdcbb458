import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { BicotError } from '../../errors.js';
import type { Keys } from '../wire/keys.js';

/** Where versions of the weights lie for workers to fetch: lists of chunks, and chunks by their checksums. */
export interface WeightStore {
  /** Of these, those that are not there. */
  missing(chunks: readonly string[]): Promise<ReadonlySet<string>>;
  putChunk(sha256: string, stored: Buffer): Promise<void>;
  /** Undefined if it is not there. */
  chunk(sha256: string): Promise<Buffer | undefined>;
  putVersion(version: string, manifest: string): Promise<void>;
  /** Undefined if it is not there. */
  version(version: string): Promise<string | undefined>;
  /** Names of the versions that are there. */
  versions(): Promise<string[]>;
  dropVersion(version: string): Promise<void>;
  dropChunks(chunks: readonly string[]): Promise<void>;
  /** Keeps what is there from vanishing by itself. */
  touch(versions: readonly string[], chunks: readonly string[]): Promise<void>;
}

/** In Redis. @param ttl seconds after which it all vanishes, unless touched */
export function redisStore(redis: Redis, keys: Keys, ttl: number): WeightStore {
  return {
    async missing(chunks) {
      const counts = await Promise.all(chunks.map((one) => redis.exists(keys.chunk(one))));
      return new Set(chunks.filter((_, i) => counts[i] === 0));
    },
    async putChunk(sha256, stored) {
      await redis.set(keys.chunk(sha256), stored, 'EX', ttl);
    },
    chunk: async (sha256) => (await redis.getBuffer(keys.chunk(sha256))) ?? undefined,
    async putVersion(version, manifest) {
      await redis.set(keys.version(version), manifest, 'EX', ttl);
      await redis.sadd(keys.versions, version);
      await redis.expire(keys.versions, ttl);
    },
    version: async (version) => (await redis.get(keys.version(version))) ?? undefined,
    versions: () => redis.smembers(keys.versions),
    async dropVersion(version) {
      await redis.srem(keys.versions, version);
      await redis.unlink(keys.version(version));
    },
    async dropChunks(chunks) {
      for (const one of chunks) await redis.unlink(keys.chunk(one));
    },
    async touch(versions, chunks) {
      const all = [keys.versions, ...versions.map(keys.version), ...chunks.map(keys.chunk)];
      await Promise.all(all.map((key) => redis.expire(key, ttl)));
    },
  };
}

/** Only names that are checksums reach the disk. */
function nameOf(sha256: string): string {
  if (/^[0-9a-f]{64}$/.test(sha256)) return sha256;
  throw new BicotError('value', 'distributed: the name of weights in a shared folder is no checksum.');
}

const absent = (error: NodeJS.ErrnoException): undefined => {
  if (error.code === 'ENOENT') return undefined;
  throw error;
};

/** In a folder that coordinator and workers all see, such as a network file system. */
export async function folderStore(folder: string): Promise<WeightStore> {
  const at = (kind: 'chunk' | 'version', sha256: string): string => join(folder, `${nameOf(sha256)}.${kind}`);
  await mkdir(folder, { recursive: true });
  const put = async (path: string, content: Buffer | string): Promise<void> => {
    // Whoever reads sees all of it or nothing.
    const part = `${path}.${process.pid}.part`;
    await writeFile(part, content);
    await rename(part, path);
  };
  const names = (kind: string): Promise<string[]> =>
    readdir(folder).then((all) => all.filter((name) => name.endsWith(kind)).map((name) => name.slice(0, 64)));
  return {
    async missing(chunks) {
      const there = new Set(await names('.chunk'));
      return new Set(chunks.filter((one) => !there.has(one)));
    },
    putChunk: (sha256, stored) => put(at('chunk', sha256), stored),
    chunk: (sha256) => readFile(at('chunk', sha256)).catch(absent),
    putVersion: (version, manifest) => put(at('version', version), manifest),
    version: (version) => readFile(at('version', version), 'utf8').catch(absent),
    versions: () => names('.version'),
    dropVersion: (version) => rm(at('version', version), { force: true }),
    async dropChunks(chunks) {
      for (const one of chunks) await rm(at('chunk', one), { force: true });
    },
    touch: async () => {},
  };
}
