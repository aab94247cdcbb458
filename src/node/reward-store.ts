import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type KnownResult, memoryRewardStore, type RewardStore } from '../rewards/cache/store.js';

/**
 * A store of reward results in a file: JSON Lines, `{"key": …, "kind": "score", "value": …}`, appended to. It is read once, at
 * the first question; a line that is no such object, as a crash may leave, is passed over.
 * @param path the file; it and its folder are made when there is something to keep
 * @param most results in memory (the file keeps all). Default 100000
 */
export function fileRewardStore(path: string, most?: number): RewardStore {
  const memory = memoryRewardStore(most);
  let reading: Promise<void> | undefined;
  const read = async (): Promise<void> => {
    const lines = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    await memory.set(new Map(lines.split('\n').flatMap(parseLine)));
    // A line that was cut off must not swallow the next one.
    if (lines !== '' && !lines.endsWith('\n')) await appendFile(path, '\n');
  };
  const ready = (): Promise<void> => {
    reading ??= read();
    return reading;
  };
  return {
    async get(keys) {
      await ready();
      return memory.get(keys);
    },
    async set(entries) {
      await ready();
      await memory.set(entries);
      await mkdir(dirname(path), { recursive: true });
      const lines = [...entries].map(([key, result]) => `${JSON.stringify({ key, ...result })}\n`);
      await appendFile(path, lines.join(''));
    },
  };
}

function parseLine(line: string): [string, KnownResult][] {
  try {
    const { key, kind, value, reason } = JSON.parse(line) as Record<string, unknown>;
    if (typeof key !== 'string') return [];
    if (kind === 'score' && typeof value === 'number') return [[key, { kind, value }]];
    if (kind !== 'abstain') return [];
    return [[key, typeof reason === 'string' ? { kind, reason } : { kind }]];
  } catch {
    return [];
  }
}
