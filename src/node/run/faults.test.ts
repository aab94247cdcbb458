/** Loggers on a file system that fails as it is told to. */
import type { PathLike } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'bicot';
import { findingsLogger, metricsLogger, pictureLogger, tensorBoardLogger } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { madeStep } from '../../../test/support/made-steps.js';

type Fault = (operation: string, path: string) => 'short' | 'fail' | undefined;
const broken = vi.hoisted(() => ({
  code: 'ENOSPC',
  fault: (() => undefined) as (operation: string, path: string) => 'short' | 'fail' | undefined,
  pauses: [] as number[],
}));

const errorOf = (operation: string): Error =>
  Object.assign(new Error(`${broken.code}: ${operation}`), { code: broken.code });

vi.mock('../../backoff.js', async (original) => ({
  ...(await original<object>()),
  sleep: async (pause: number) => {
    broken.pauses.push(pause);
  },
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    rename: async (from: PathLike, to: PathLike) => {
      if (broken.fault('rename', String(to))) throw errorOf('rename');
      return real.rename(from, to);
    },
    open: async (path: PathLike, flags: string) => {
      if (broken.fault('open', String(path))) throw errorOf('open');
      const file = await real.open(path, flags);
      for (const method of ['appendFile', 'writeFile'] as const) {
        const write = file[method].bind(file);
        file[method] = async (data: Uint8Array | string) => {
          const fault = broken.fault('write', String(path));
          if (!fault) return write(data);
          const bytes = Buffer.from(data as Uint8Array);
          if (fault === 'short') await write(bytes.subarray(0, Math.floor(bytes.length / 2)));
          throw errorOf('write');
        };
      }
      return file;
    },
  };
});

/** The first so many operations of a kind fail. */
const first = (times: number, wanted: string, kind: 'short' | 'fail', part = ''): Fault => {
  let left = times;
  return (operation, path) => (operation === wanted && path.includes(part) && left-- > 0 ? kind : undefined);
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-faults-'));
  broken.code = 'ENOSPC';
  broken.pauses = [];
});
afterEach(async () => {
  broken.fault = () => undefined;
  await rm(folder, { recursive: true, force: true });
});

const tell = async (log: Logger<string>, ...steps: number[]): Promise<void> => {
  for (const step of steps) await log(madeStep(step));
};
const steps = async (path: string): Promise<number[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).step);

describe('a disk that is full for a while', () => {
  it.each(['short', 'fail'] as const)('costs a pause, and no line is half written (%s)', async (kind) => {
    const path = join(folder, 'metrics.jsonl');
    const log = metricsLogger(path);
    await tell(log, 0);
    broken.fault = first(3, 'write', kind);
    await tell(log, 1, 2);
    expect(await steps(path)).toEqual([0, 1, 2]);
    expect(broken.pauses).toHaveLength(3);
    // Pauses grow: half of each is left to chance.
    broken.pauses.forEach((pause, i) => {
      expect(pause).toBeGreaterThanOrEqual(125 * 2 ** i);
      expect(pause).toBeLessThanOrEqual(250 * 2 ** i);
    });
  });

  it('leaves the old file and no temporary one while lines are dropped', async () => {
    const path = join(folder, 'metrics.jsonl');
    await tell(metricsLogger(path), 0, 1, 2);
    for (const operation of ['rename', 'write']) {
      broken.fault = first(99, operation, 'short');
      const error = await Promise.resolve(metricsLogger(path, { retries: 2 })(madeStep(1))).catch((e) => e);
      expect(error).toMatchObject({ code: 'file', message: expect.stringContaining('in 3 attempts') });
      expect(await steps(path)).toEqual([0, 1, 2]);
      expect(await readdir(folder)).toEqual(['metrics.jsonl']);
    }
    broken.fault = first(2, 'rename', 'fail');
    await tell(metricsLogger(path, { retries: 2 }), 1);
    expect(await steps(path)).toEqual([0, 1]);
  });
});

describe('a disk that stays full', () => {
  it('ends in an error after a bounded number of attempts, with what was written before whole', async () => {
    const path = join(folder, 'metrics.jsonl');
    const log = metricsLogger(path);
    await tell(log, 0);
    const before = await readFile(path, 'utf8');
    broken.fault = first(Number.POSITIVE_INFINITY, 'write', 'short');
    await expect(log(madeStep(1))).rejects.toMatchObject({
      name: 'BicotError',
      code: 'file',
      message: `${path} could not be written in 6 attempts (ENOSPC: write). Make room on the disk, or log to another one. What was written before is whole.`,
      cause: { code: 'ENOSPC' },
    });
    expect(broken.pauses).toHaveLength(5);
    expect(await readFile(path, 'utf8')).toBe(before);
    // Once there is room, the same logger goes on with the step that it could not write.
    broken.fault = () => undefined;
    await tell(log, 1, 2);
    expect(await steps(path)).toEqual([0, 1, 2]);
  });

  it('leaves event files of whole records', async () => {
    const log = tensorBoardLogger<string>(folder, { retries: 1, images: false, histograms: false });
    broken.fault = first(2, 'write', 'short');
    await expect(log(madeStep(0))).rejects.toMatchObject({ code: 'file' });
    await tell(log, 0);
    const other = await mkdtemp(join(folder, 'other-'));
    await tell(tensorBoardLogger<string>(other, { images: false, histograms: false }), 0);
    const sizes = await Promise.all(
      [folder, other].map(async (of) => {
        const [name = ''] = (await readdir(of)).filter((file) => file.startsWith('events.'));
        return (await readFile(join(of, name))).length;
      }),
    );
    expect(sizes[0]).toBeGreaterThan(100);
    expect(sizes[0]).toBe(sizes[1]);
  });
});

describe('a file that may not be written to', () => {
  it('is tried again, and then said with what to do', async () => {
    broken.code = 'EACCES';
    broken.fault = first(Number.POSITIVE_INFINITY, 'open', 'fail', 'findings');
    const log = findingsLogger(join(folder, 'findings.jsonl'), { retries: 3 });
    await tell(log, 0, 1); // nothing to write
    await expect(log(madeStep(2))).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(/findings\.jsonl.* 4 attempts \(EACCES.*Mend the permissions/),
    });
    expect(broken.pauses).toHaveLength(3);
  });

  it('does not stop for long what waiting does not help', async () => {
    broken.code = 'EISDIR';
    broken.fault = first(Number.POSITIVE_INFINITY, 'open', 'fail');
    await expect(metricsLogger(join(folder, 'metrics.jsonl'))(madeStep(0))).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining('1 attempt '),
    });
    expect(broken.pauses).toEqual([]);
  });
});

describe('a picture that cannot be written', () => {
  it('is in no record, and leaves no half of itself', async () => {
    broken.fault = first(99, 'write', 'short', 'worst');
    const log = pictureLogger<string>(folder, { every: 1, retries: 1 });
    await expect(log(madeStep(0))).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(
        /pictures.step-000000-worst-1-0\.png could not be written in 2 attempts/,
      ),
    });
    expect(await readdir(folder)).toEqual(['pictures']);
    const files = await readdir(join(folder, 'pictures'));
    expect(files).toEqual(['step-000000-best-0-0.png', 'step-000000-best-0-1.png']);
    broken.fault = () => undefined;
    await tell(log, 0);
    expect(await steps(join(folder, 'pictures.jsonl'))).toEqual([0, 0, 0, 0]);
  });
});
