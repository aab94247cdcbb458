import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reportLogger, writeReport } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HOSTILE, writeDemoRun } from '../../../test/support/demo-run.mjs';
import { decodePng, encodePng } from '../../image/png.js';
import { inData } from './html.js';
import { shrink } from './picture-files.js';
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

describe('writeReport', () => {
  it('makes one file that loads nothing and runs only its own scripts', async () => {
    writeDemoRun(folder);
    const { file, bytes } = await writeReport(folder);
    expect(file).toBe(at('report.html'));
    const html = readFileSync(file, 'utf8');
    expect(Buffer.byteLength(html)).toBe(bytes);
    expect(html).not.toMatch(/(src|href)="(?!data:,)/);
    expect(html.match(/<script/g)).toHaveLength(3);
    expect(html).toContain("default-src 'none'; script-src 'sha256-");
    expect(html).not.toMatch(/unsafe/);
    // Nothing that a run says stands in the page as markup.
    expect(html).not.toContain('<img src=x');
    expect(html).toContain('\\u003c/script>');
    expect(dataIn(file).runs[0]?.tracked.map(({ prompt }) => prompt)).toContain(HOSTILE);
  });

  it('escapes titles, and data in any text', async () => {
    writeDemoRun(folder, { steps: 2, everyPictures: 0 });
    const { file } = await writeReport(folder, { title: HOSTILE });
    expect(readFileSync(file, 'utf8')).toMatch(/<title>&#60;\/script&#62;&#60;img/);
    expect(inData({ a: '<!--<script></script>' })).not.toContain('<');
    expect(JSON.parse(inData({ a: HOSTILE }))).toEqual({ a: HOSTILE });
  });

  it('keeps the first, last, least and greatest of every curve exact in few points', async () => {
    const records = writeDemoRun(folder, { steps: 5000, total: 5000, everyPictures: 0 });
    const { charts } = await write(folder);
    const [curve] = charts.find(({ id }) => id === 'reward-colours')?.curves ?? [];
    const values = records.map(({ reward }) => reward.byMember.colours?.mean as number);
    expect(curve?.exact?.first).toEqual({ step: 0, value: values[0] });
    expect(curve?.exact?.last).toEqual({ step: 4999, value: values[4999] });
    expect(curve?.exact?.least.value).toBe(Math.min(...values));
    expect(curve?.exact?.greatest.value).toBe(Math.max(...values));
    expect(curve?.steps.length).toBeLessThan(1500);
    for (const [i, step] of (curve?.steps ?? []).entries()) {
      expect(curve?.values[i]).toBe(Number((values[step] as number).toPrecision(5)));
    }
    // No spike is lost: of every stretch of 50 steps the extremes are there, to the digits that are kept.
    for (let start = 0; start < 5000; start += 50) {
      const kept = (curve?.steps ?? []).filter((step) => step >= start && step < start + 50);
      const stretch = values.slice(start, start + 50);
      expect(Math.max(...kept.map((step) => values[step] as number))).toBe(Math.max(...stretch));
    }
  });

  it('draws every reward, monitor and level, and marks monitors', async () => {
    writeDemoRun(folder, { steps: 4, everyPictures: 0 });
    const { charts } = await write(folder);
    expect(charts.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        ...[
          'total',
          'reward-objects',
          'reward-colours',
          'reward-aesthetic',
          'monitor-judge',
          'kl',
          'ratio',
          'entropy',
        ],
        ...['gradient', 'zero-variance', 'throughput', 'seconds', 'rate'],
      ]),
    );
    expect(charts.filter(({ monitor }) => monitor).map(({ title }) => title)).toEqual(['judge']);
    expect(charts.find(({ id }) => id === 'kl')?.curves.map(({ name }) => name)).toEqual([
      'semantic',
      'token',
    ]);
  });

  it('says first what matters', async () => {
    const records = writeDemoRun(folder, { steps: 100, total: 200, everyPictures: 0 });
    const { runs } = await writeReport(folder);
    const headline = runs[0]?.headline;
    const mean = (some: typeof records) =>
      some.reduce((sum, { reward }) => sum + reward.mean, 0) / some.length;
    expect(headline).toMatchObject({
      done: 100,
      total: 200,
      state: 'running',
      findings: { error: 1, warning: 2, note: 1 },
    });
    expect(headline?.reward?.from).toBeCloseTo(mean(records.slice(0, 5)), 12);
    expect(headline?.reward?.to).toBeCloseTo(mean(records.slice(-5)), 12);
    expect(headline?.judge?.name).toBe('judge');
    expect(headline?.worst).toMatchObject({ severity: 'error', code: 'kl-explosion' });
    const pace = records
      .slice(-20)
      .map(({ seconds }) => seconds.total)
      .sort((a, b) => a - b)[10] as number;
    expect(headline?.secondsLeft).toBeCloseTo(100 * pace, 9);
  });

  it('lays runs over each other', async () => {
    writeDemoRun(at('a'), { steps: 5, everyPictures: 0 });
    writeDemoRun(at('b'), { steps: 8, seed: 2, everyPictures: 0, monitors: [] });
    const { runs, charts, title } = await write([at('a'), at('b')]);
    expect(title).toBe('a, b');
    expect(runs.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(
      charts.find(({ id }) => id === 'total')?.curves.map(({ run, steps }) => [run, steps.length]),
    ).toEqual([
      [0, 5],
      [1, 8],
    ]);
    expect(charts.find(({ id }) => id === 'monitor-judge')?.curves.map(({ run }) => run)).toEqual([0]);
  });

  it('counts findings of one kind once', async () => {
    writeDemoRun(folder, { steps: 101, everyPictures: 0 });
    const found = (await write(folder)).runs[0]?.findings;
    expect(found?.map(({ code, steps }) => [code, steps])).toEqual([
      ['kl-explosion', [80]],
      ['flat-groups', [50, 70]],
      ['reward-failures', [15]],
    ]);
  });

  it('shows the pictures of the run and no other file', async () => {
    writeDemoRun(at('run'), { steps: 1, total: 1 });
    const secret = at('secret.png');
    writeFileSync(secret, encodePng({ width: 1, height: 1, data: new Uint8Array([1, 2, 3]) }));
    symlinkSync(secret, at('run', 'pictures', 'link.png'));
    writeFileSync(at('run', 'pictures', 'words.png'), 'no picture');
    const kept = readFileSync(at('run', 'pictures.jsonl'), 'utf8').split('\n')[0] as string;
    const images = [
      '../secret.png',
      secret,
      'pictures/link.png',
      'pictures/words.png',
      'pictures',
      'pictures/\u0000.png',
    ];
    const records = images.map((image, i) =>
      JSON.stringify({ step: 0, kind: 'tracked', prompt: 'p', promptIndex: 9 + i, index: 0, image }),
    );
    writeFileSync(at('run', 'pictures.jsonl'), [kept, ...records, ''].join('\n'));
    const [run] = (await write(at('run'))).runs;
    const sources = run?.tracked.map(({ pictures }) => pictures[0]?.source?.slice(0, 22));
    expect(sources).toEqual(['data:image/png;base64,', ...images.map(() => undefined)]);
    expect(run?.picturesNote).toMatch(/^6 could not be shown/);
  });

  it('fits pictures into what they may take, and says how many are left out', async () => {
    writeDemoRun(folder, { steps: 200, everyPictures: 10, size: 200 });
    for (const pictureMegabytes of [3, 0.5, 0.05]) {
      const { bytes, file } = await writeReport(folder, { pictureMegabytes });
      expect(bytes).toBeLessThan(pictureMegabytes * 1e6 + 300_000);
      const [run] = dataIn(file).runs;
      const steps = run?.tracked[0]?.pictures.map(({ step }) => step) ?? [];
      expect([steps[0], steps.at(-1)]).toEqual([0, 190]);
      const shown = [...(run?.tracked ?? []), ...(run?.groups ?? [])].flatMap(({ pictures }) => pictures);
      expect(run?.picturesNote).toContain(`${shown.length} of the run's 240 pictures`);
    }
  });

  it('makes pictures smaller by the mean', () => {
    const data = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => 10 * i);
    const small = shrink({ width: 4, height: 2, data }, 2);
    expect([small.width, small.height]).toEqual([2, 1]);
    expect([...small.data]).toEqual([75, 85, 95, 135, 145, 155]);
    expect(decodePng(encodePng(small))).toEqual(small);
  });

  it('that cannot be written does not end a training', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const log = reportLogger(folder, { everySeconds: 0 });
    await log({} as never);
    await log({} as never);
    expect(warned.mock.calls).toEqual([[expect.stringMatching(/no report of .*has no run in it.*goes on/)]]);
    warned.mockRestore();
  });

  it('is kept up to date by a logger', async () => {
    writeDemoRun(folder, { steps: 2, everyPictures: 0 });
    const log = reportLogger(folder, { everySeconds: 0 });
    await log({} as never);
    expect(dataIn(at('report.html')).runs[0]?.headline.done).toBe(2);
    writeDemoRun(folder, { steps: 3, everyPictures: 0 });
    await log({} as never);
    expect(dataIn(at('report.html')).runs[0]?.headline.done).toBe(3);
    const seldom = reportLogger(folder, { everySeconds: 1000 });
    await seldom({} as never);
    writeDemoRun(folder, { steps: 4, everyPictures: 0 });
    await seldom({} as never);
    expect(dataIn(at('report.html')).runs[0]?.headline.done).toBe(3);
  });
});

it('the page that is committed is what its sources give', () => {
  const build = fileURLToPath(new URL('page/build.mjs', import.meta.url));
  const { stdout } = spawnSync(process.execPath, [build, '--check'], { encoding: 'utf8' });
  expect(stdout).toBe('ok - bundle/page.ts is what the sources give\n');
});

it('a folder of one name is told from another by its path', async () => {
  mkdirSync(at('x', 'run'), { recursive: true });
  for (const parent of ['x', 'y']) writeDemoRun(at(parent, 'run'), { steps: 1, everyPictures: 0 });
  const { runs } = await write([at('x', 'run'), at('y', 'run')]);
  expect(runs.map(({ name }) => name)).toEqual([at('x', 'run'), at('y', 'run')]);
});
