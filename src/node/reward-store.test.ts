import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { KnownResult } from '../rewards/cache/store.js';
import { abstain, score } from '../rewards/reward.js';
import { fileRewardStore } from './reward-store.js';

const folder = mkdtempSync(join(tmpdir(), 'bicot-store-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('fileRewardStore', () => {
  let path: string;
  let count = 0;
  beforeEach(() => {
    path = join(folder, `${count++}`, 'rewards.jsonl');
  });

  it('outlives the program', async () => {
    const first = fileRewardStore(path);
    expect(await first.get(['a'])).toEqual([undefined]);
    await first.set(
      new Map<string, KnownResult>([
        ['a', score(0.25)],
        ['b', abstain('no nouns')],
      ]),
    );
    await first.set(new Map([['c', abstain()]]));
    const again = fileRewardStore(path);
    expect(await again.get(['c', 'a', 'x', 'b'])).toEqual([
      abstain(),
      score(0.25),
      undefined,
      abstain('no nouns'),
    ]);
  });

  it('passes over lines that a crash or another program left, and cuts none of its own short', async () => {
    await fileRewardStore(path).set(new Map([['a', score(1)]]));
    appendFileSync(path, 'null\n{"key":"n","kind":"score","value":null}\n{"key":3}\n{"key":"b","kind":"sc');
    const store = fileRewardStore(path);
    expect(await store.get(['a', 'b', 'n'])).toEqual([score(1), undefined, undefined]);
    await store.set(new Map([['b', score(2)]]));
    expect(await fileRewardStore(path).get(['a', 'b'])).toEqual([score(1), score(2)]);
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(6);
  });

  it('says that it cannot read', async () => {
    await expect(fileRewardStore(folder).get(['a'])).rejects.toThrow(/EISDIR/);
  });
});
