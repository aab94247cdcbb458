import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import { indexedDbFolder } from './indexed-db-folder.js';

describe('indexedDbFolder', () => {
  it('keeps files from one visit to the next', async () => {
    const first = indexedDbFolder('run');
    expect(await first.list()).toEqual([]);
    await first.write('b', [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    await first.write('a', [new Uint8Array([9, 8, 7, 6]).subarray(1, 3)]);
    const again = indexedDbFolder('run');
    expect(await again.list()).toEqual(['a', 'b']);
    expect(await again.size('b')).toBe(3);
    expect([...(await again.read('b', 1, 3))]).toEqual([2, 3]);
    expect([...(await again.read('a', 0, 2))]).toEqual([8, 7]);
    await again.write('b', [Uint8Array.of(5)]);
    expect(await first.size('b')).toBe(1);
    await first.remove('b');
    await first.remove('never there');
    expect(await again.list()).toEqual(['a']);
    expect(await indexedDbFolder('another run').list()).toEqual([]);
  });

  it('keeps what was there when the pieces of a file fail', async () => {
    const folder = indexedDbFolder('pieces');
    await folder.write('a', [Uint8Array.of(1)]);
    async function* broken() {
      yield Uint8Array.of(2);
      throw new Error('the device is lost');
    }
    await expect(folder.write('a', broken())).rejects.toThrow('the device is lost');
    expect([...(await folder.read('a', 0, 1))]).toEqual([1]);
  });

  it('says what is wrong', async () => {
    const folder = indexedDbFolder('words');
    await expect(folder.size('x')).rejects.toThrow(/IndexedDB words: there is no file x/);
    await folder.write('x', [Uint8Array.of(1)]);
    await expect(folder.read('x', 0, 2)).rejects.toThrow(/ends after 1/);
    await expect(folder.write('a/b', [])).rejects.toThrow(/no file of this folder/);
  });
});
