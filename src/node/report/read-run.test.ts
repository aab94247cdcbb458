import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRun, writeReport } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeDemoRun } from '../../../test/support/demo-run.mjs';
import { jsonLinesReader } from './json-lines.js';
import { runReader } from './read-run.js';
import type { ReportData } from './report-data.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-report-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...path: string[]) => join(folder, ...path);
const dataIn = (file: string): ReportData => {
  const html = readFileSync(file, 'utf8');
  const json = /<script type="application\/json" id="data">([^<]*)<\/script>/.exec(html)?.[1];
  return JSON.parse(json as string);
};
const write = async (...args: Parameters<typeof writeReport>) => dataIn((await writeReport(...args)).file);

describe('JSON lines of a file that grows', () => {
  it('are read once, without the half of a line at the end', async () => {
    const read = jsonLinesReader(at('a.jsonl'));
    expect(await read()).toEqual({ records: [], damaged: [] });
    writeFileSync(at('a.jsonl'), '{"a":1}\n{"a":2}\n{"a":');
    expect((await read()).records).toEqual([{ a: 1 }, { a: 2 }]);
    appendFileSync(at('a.jsonl'), '3}\nno json\n{"a":4}');
    expect(await read()).toEqual({ records: [{ a: 1 }, { a: 2 }, { a: 3 }, { a: 4 }], damaged: [4] });
    appendFileSync(at('a.jsonl'), '\n');
    expect((await read()).records).toHaveLength(4);
  });

  it('are read anew when the file is another or shorter', async () => {
    const read = jsonLinesReader(at('a.jsonl'));
    writeFileSync(at('a.jsonl'), '{"a":1}\n{"a":2}\n');
    await read();
    writeFileSync(at('b.jsonl'), '{"b":1}\n{"b":2}\n{"b":3}\n');
    renameSync(at('b.jsonl'), at('a.jsonl'));
    expect((await read()).records).toEqual([{ b: 1 }, { b: 2 }, { b: 3 }]);
    writeFileSync(at('a.jsonl'), '{"c":1}\n');
    expect((await read()).records).toEqual([{ c: 1 }]);
  });

  it('may be cut anywhere, even within a character', async () => {
    const bytes = Buffer.from('{"a":"ä→🙂"}\n{"a":2}\n');
    for (let cut = 0; cut <= bytes.length; cut++) {
      const file = at(`${cut}.jsonl`);
      const read = jsonLinesReader(file);
      writeFileSync(file, bytes.subarray(0, cut));
      expect((await read()).damaged).toEqual([]);
      appendFileSync(file, bytes.subarray(cut));
      expect(await read()).toEqual({ records: [{ a: 'ä→🙂' }, { a: 2 }], damaged: [] });
    }
  });
});

describe('readRun', () => {
  it('reads what a run wrote', async () => {
    const records = writeDemoRun(folder, { steps: 30, everyPictures: 10 });
    const run = await readRun(folder);
    expect(run.steps.map(({ reward }) => reward)).toEqual(records.map(({ reward }) => reward.mean));
    expect(run.steps[7]?.monitors.judge?.mean).toBe(records[7]?.reward.monitors.judge?.mean);
    expect(run.steps[7]?.levels.token?.entropy).toBe(records[7]?.levels.token?.entropy);
    expect(run.findings).toHaveLength(4);
    expect(run.pictures).toHaveLength(3 * (4 + 8));
    expect(run.problems).toEqual([]);
  });

  it.each(['config.json', 'metrics.jsonl', 'findings.jsonl', 'pictures.jsonl', 'pictures'])(
    'and a report do without %s',
    async (file) => {
      writeDemoRun(folder, { steps: 5 });
      rmSync(at(file), { recursive: true });
      await readRun(folder);
      expect((await write(folder)).runs).toHaveLength(1);
    },
  );

  it('forgives what is not known, missing, null, double or damaged', async () => {
    writeFileSync(
      at('metrics.jsonl'),
      [
        '{"step":2,"reward":{"mean":0.5},"brandNew":{"x":[1]}}',
        '{"step":1,"reward":{"mean":null,"byMember":{"a":{"mean":"?"},"__proto__":{"mean":1}}}}',
        '{"step":2,"reward":{"mean":0.75},"levels":[],"seconds":7}',
        '[1,2]',
        'null',
        '{"step":-1}',
        '{"step":"3"}',
        'garbage',
        '{"step":3,"rew',
      ].join('\n'),
    );
    writeFileSync(
      at('findings.jsonl'),
      '{"code":"from-the-future","severity":"catastrophe","step":1.5}\n{}\n7\n',
    );
    writeFileSync(
      at('pictures.jsonl'),
      '{"step":1,"kind":"other","image":"a.png"}\n{"step":1,"kind":"best","image":"a.png"}\n',
    );
    writeFileSync(at('config.json'), '{"steps": ');
    const run = await readRun(folder);
    expect(run.steps.map(({ step, reward }) => [step, reward])).toEqual([
      [1, Number.NaN],
      [2, 0.75],
    ]);
    expect(Object.keys(run.steps[0]?.rewards ?? {})).toEqual(['a', '__proto__']);
    expect(run.findings).toEqual([
      { code: 'from-the-future', severity: 'note', message: '', evidence: '', suggestion: '' },
    ]);
    expect(run.pictures).toHaveLength(1);
    expect(run.problems).toEqual([
      'metrics.jsonl: line 8 is not JSON and left out.',
      'config.json: not JSON, and left out.',
    ]);
    const { runs } = await write(folder);
    expect(runs[0]?.problems).toHaveLength(2);
    expect(runs[0]?.picturesNote).toMatch(/1 could not be shown/);
  });

  it('follows a run that is resumed further back', async () => {
    const read = runReader(folder);
    writeDemoRun(folder, { steps: 20, everyPictures: 0 });
    expect((await read()).steps).toHaveLength(20);
    const kept = readFileSync(at('metrics.jsonl'), 'utf8').split('\n').slice(0, 10).join('\n');
    writeFileSync(at('new'), `${kept}\n`);
    renameSync(at('new'), at('metrics.jsonl'));
    expect((await read()).steps.at(-1)?.step).toBe(9);
  });

  it('says when there is none', async () => {
    await expect(readRun(at('nowhere'))).rejects.toThrow(/no folder .*nowhere/);
    await expect(writeReport(folder)).rejects.toThrow(/has no run in it/);
    await expect(writeReport([])).rejects.toThrow(/there is no run/);
    await expect(writeReport(folder, { fiel: 'a' } as object)).rejects.toThrow(/no option 'fiel'/);
    await expect(writeReport(folder, { reloadSeconds: Number.NaN })).rejects.toThrow(/reloadSeconds is NaN/);
  });
});
