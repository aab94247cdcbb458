import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runFolder } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { madeStep } from '../../../test/support/made-steps.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const config = (path: string): Promise<unknown> =>
  readFile(join(path, 'config.json'), 'utf8').then(JSON.parse);

describe('runFolder', () => {
  it('makes the folder and everything that a run writes', async () => {
    const path = join(folder, 'runs', '1');
    const run = await runFolder<string>(path, { config: { seed: 1 } });
    expect(await readdir(path)).toEqual(['config.json']);
    for (const log of run.loggers) await log(madeStep(0));
    for (const log of run.loggers) await log(madeStep(2));
    expect((await readdir(path)).map((name) => name.replace(/^(events\.out\.tfevents)\..*/, '$1'))).toEqual([
      'config.json',
      'events.out.tfevents',
      'findings.jsonl',
      'metrics.jsonl',
      'pictures',
      'pictures.jsonl',
    ]);
    expect(run).toMatchObject({
      path,
      config: join(path, 'config.json'),
      metrics: join(path, 'metrics.jsonl'),
      findings: join(path, 'findings.jsonl'),
      pictures: join(path, 'pictures.jsonl'),
      checkpoints: join(path, 'checkpoints'),
    });
  });

  it('leaves the settings of a run that is there until a step is made', async () => {
    await runFolder(folder, { config: { steps: 1 } });
    const run = await runFolder<string>(folder, { config: { steps: 2 } });
    expect(await config(folder)).toEqual({ steps: 1 });
    for (const log of run.loggers) await log(madeStep(0));
    expect(await config(folder)).toEqual({ steps: 2 });
  });

  it('leaves out what is not wanted', async () => {
    const run = await runFolder<string>(folder, { pictures: false, tensorBoard: false });
    for (const log of run.loggers) await log(madeStep(0));
    expect(await readdir(folder)).toEqual(['metrics.jsonl']);
  });

  it('refuses what makes no sense, and a folder that is a file', async () => {
    await expect(runFolder(folder, { picture: false } as object)).rejects.toMatchObject({ code: 'value' });
    await expect(runFolder(folder, { config: { big: 1n } })).rejects.toMatchObject({
      code: 'value',
      message: expect.stringMatching(/config can't be written as JSON .*BigInt.*plain data/),
    });
    await writeFile(join(folder, 'taken'), '');
    await expect(runFolder(join(folder, 'taken'))).rejects.toMatchObject({
      code: 'file',
      message: expect.stringMatching(/taken could not be written in 1 attempt .*there is a file/),
    });
  });
});
