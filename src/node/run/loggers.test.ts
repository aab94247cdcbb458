import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'bicot';
import { findingsLogger, metricsLogger } from 'bicot/node';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { madeStep } from '../../../test/support/made-steps.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-loggers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const tell = async (log: Logger<string>, ...steps: number[]): Promise<void> => {
  for (const step of steps) await log(madeStep(step));
};
const lines = async (path: string): Promise<{ step: number }[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const steps = async (path: string): Promise<number[]> => (await lines(path)).map(({ step }) => step);

describe('metricsLogger', () => {
  it('writes the metrics of each step as a line, NaN as null', async () => {
    const path = join(folder, 'made', 'metrics.jsonl');
    await tell(metricsLogger(path), 0, 1);
    expect(await lines(path)).toEqual(JSON.parse(JSON.stringify([madeStep(0).metrics, madeStep(1).metrics])));
    expect(await readFile(path, 'utf8')).toContain('"correlation":null');
    expect(await readdir(join(folder, 'made'))).toEqual(['metrics.jsonl']);
  });

  it('drops what is made again, and half a line, when a run goes on', async () => {
    const path = join(folder, 'metrics.jsonl');
    await tell(metricsLogger(path), 0, 1, 2, 3);
    const whole = await readFile(path, 'utf8');
    await appendFile(path, '{"step":4,"rew');
    await writeFile(`${path}.0123456789ab.tmp`, 'of a process that was killed');
    await tell(metricsLogger(path), 2);
    expect(await steps(path)).toEqual([0, 1, 2]);
    expect((await readFile(path, 'utf8')).split('\n').slice(0, 3)).toEqual(whole.split('\n').slice(0, 3));
    expect(await readdir(folder)).toEqual(['metrics.jsonl']);
  });

  it('leaves what it does not know, and other files, alone', async () => {
    const path = join(folder, 'metrics.jsonl');
    const before = '{"note":"mine"}\nnot JSON\n{"step":0}\n';
    await writeFile(path, before);
    await writeFile(join(folder, 'notes.tmp'), 'mine');
    await tell(metricsLogger(path), 1);
    expect(await readFile(path, 'utf8')).toBe(`${before}${JSON.stringify(madeStep(1).metrics)}\n`);
    expect(await readdir(folder)).toEqual(['metrics.jsonl', 'notes.tmp']);
  });

  it('gives a last line its end if only that is missing', async () => {
    const path = join(folder, 'metrics.jsonl');
    await writeFile(path, '{"step":0}');
    await tell(metricsLogger(path), 1);
    expect(await steps(path)).toEqual([0, 1]);
  });

  it('has one record of each step, wherever runs are cut off and go on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            back: fc.nat(3),
            count: fc.integer({ min: 1, max: 4 }),
            lost: fc.nat(400),
            same: fc.boolean(),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        async (runs) => {
          const path = join(folder, 'metrics.jsonl');
          await rm(path, { force: true });
          let [next, log] = [0, metricsLogger(path)];
          for (const { back, count, lost, same } of runs) {
            // The run's own checkpoint is never ahead of what is logged: it goes on within what is whole.
            const start = Math.max(0, next - back);
            if (!same) log = metricsLogger(path);
            await tell(log, ...Array.from({ length: count }, (_, i) => start + i));
            next = start + count;
            expect(await steps(path)).toEqual(Array.from({ length: next }, (_, i) => i));
            if (!same && lost > 0) {
              const text = await readFile(path);
              const last = text.lastIndexOf(10, text.length - 2) + 1;
              await writeFile(path, text.subarray(0, Math.max(last, text.length - lost)));
              log = metricsLogger(path);
              next--;
            }
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('refuses options that it does not have', () => {
    expect(() => metricsLogger('x', { retry: 1 } as object)).toThrow(/no option 'retry'/);
    expect(() => metricsLogger('x', { retries: -1 })).toThrow(/retries is -1/);
  });
});

describe('findingsLogger', () => {
  it('writes findings with their step, drops those of steps made again, and makes no file for none', async () => {
    const path = join(folder, 'findings.jsonl');
    await tell(findingsLogger(path), 0, 1);
    expect(await readdir(folder)).toEqual([]);
    await tell(findingsLogger(path), 2, 3, 4, 5);
    expect(await lines(path)).toEqual([2, 5].map((step) => ({ ...madeStep(2).findings[0], step })));
    // Nothing is found in step 3, but the finding of step 5 is of steps that are made again.
    await tell(findingsLogger(path), 3);
    expect(await steps(path)).toEqual([2]);
  });
});

describe('files that cannot be written', () => {
  const errorOf = (log: Logger<string>) => Promise.resolve(log(madeStep(0))).catch((error: unknown) => error);

  it('says at once that there is a folder of that name', async () => {
    const path = join(folder, 'metrics.jsonl');
    await mkdir(path);
    expect(await errorOf(metricsLogger(path))).toMatchObject({
      code: 'file',
      message: expect.stringMatching(/metrics\.jsonl could not be written in 1 attempt \(EISDIR.*remove it/),
      cause: { code: 'EISDIR' },
    });
    expect(await readdir(folder)).toEqual(['metrics.jsonl']);
  });

  it('says at once that a file is where the folder should be', async () => {
    await writeFile(join(folder, 'taken'), '');
    const error = await errorOf(metricsLogger(join(folder, 'taken', 'metrics.jsonl')));
    expect(error).toMatchObject({
      code: 'file',
      message: expect.stringMatching(/there is a file: remove it/),
    });
  });

  it('says that the disk is full', async () => {
    // A device that is always full, where there is one.
    if (process.platform !== 'linux') return;
    const error = await errorOf(metricsLogger('/dev/full', { retries: 1 }));
    expect(error).toMatchObject({
      code: 'file',
      message: expect.stringMatching(/^\/dev\/full could not be written in 2 attempts \(ENOSPC.*Make room/),
    });
  });
});
