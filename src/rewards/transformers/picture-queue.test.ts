import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../../policy/policy.js';
import type { EncodedPicture } from './picture-questions.js';
import { pictureQueue } from './picture-queue.js';

const pictures = Array.from(
  { length: 8 },
  (): RgbImage => ({ width: 1, height: 1, data: new Uint8Array(3) }),
);

/** A queue, tasks that look at a picture for a moment, and what happened. */
function watched() {
  const queue = pictureQueue();
  const log: string[] = [];
  let held = 0;
  const encode = (at: number) => async (): Promise<EncodedPicture> => {
    log.push(`see ${at}`);
    held++;
    return {
      features: undefined as never,
      shape: {},
      expansion: undefined,
      dispose: () => {
        log.push(`forget ${at}`);
        held--;
      },
    };
  };
  const ask = (who: string, at: number): Promise<void> =>
    queue.next(async () => {
      await queue.picture(pictures[at] as RgbImage, encode(at));
      log.push(`${who} asks ${at}`);
      await new Promise((resolve) => setTimeout(resolve));
      log.push(`${who} ends`);
    });
  return { queue, log, ask, held: () => held };
}

describe('pictureQueue', () => {
  it('runs one task at a time, in order', async () => {
    const { log, ask } = watched();
    await Promise.all([ask('a', 0), ask('b', 1)]);
    expect(log.filter((line) => /asks|ends/.test(line))).toEqual([
      'a asks 0',
      'a ends',
      'b asks 1',
      'b ends',
    ]);
  });

  it('shows a picture once to two that go through the same ones side by side, and then forgets all', async () => {
    const { log, ask, held } = watched();
    const all = async (who: string): Promise<void> => {
      for (let at = 0; at < 6; at++) await ask(who, at);
    };
    await Promise.all([all('a'), all('b')]);
    expect(log.filter((line) => line.startsWith('see'))).toHaveLength(6);
    expect(held()).toBe(0);
  });

  it('sees a picture again that was shown before, when nobody waited in between', async () => {
    const { log, ask } = watched();
    await ask('a', 0);
    await ask('a', 0);
    expect(log.filter((line) => /see|forget/.test(line))).toEqual(['see 0', 'forget 0', 'see 0', 'forget 0']);
  });

  it('holds four pictures at most', async () => {
    const { log, ask, held } = watched();
    let most = 0;
    const asked = pictures.map((_, at) => ask('a', at).then(() => (most = Math.max(most, held()))));
    await Promise.all(asked);
    expect(most).toBe(4);
    expect(log.filter((line) => line.startsWith('forget'))).toHaveLength(8);
    expect(held()).toBe(0);
  });

  it('goes on after a task that failed, and forgets what it saw', async () => {
    const { queue, ask, held } = watched();
    const failing = queue.next(async () => {
      throw new Error('out of memory');
    });
    const next = ask('b', 1);
    await expect(failing).rejects.toThrow('out of memory');
    await next;
    expect(held()).toBe(0);
  });
});
