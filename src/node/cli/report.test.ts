import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { writeDemoRun } from '../../../test/support/demo-run.mjs';
import { main } from './main.js';

let folder: string;
const printed: string[] = [];
const complained: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-cli-report-'));
  vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(String(line)));
  vi.spyOn(console, 'error').mockImplementation((line) => void complained.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
  printed.length = 0;
  complained.length = 0;
});

const at = (name: string) => join(folder, name);

describe('bicot report', () => {
  it('writes a page and what it says first', async () => {
    writeDemoRun(at('a'), { steps: 3, everyPictures: 0 });
    writeDemoRun(at('b'), { steps: 4, everyPictures: 0 });
    const args = ['--out', at('r.html'), '--title', 'Mine', '--reload', '0', '--json', at('r.json')];
    expect(await main(['report', at('a'), at('b'), ...args])).toBe(0);
    expect(printed).toEqual([expect.stringMatching(/r\.html \(\d+ kB\)$/)]);
    expect(readFileSync(at('r.html'), 'utf8')).toContain('<title>Mine – bicot report</title>');
    const { runs } = JSON.parse(readFileSync(at('r.json'), 'utf8'));
    expect(runs.map((run: { headline: { done: number } }) => run.headline.done)).toEqual([3, 4]);
  });

  it.each([
    [['--reload', 'soon'], /reloadSeconds is NaN/],
    [['--out', 'FILE/r.html'], /can't be written .*(ENOTDIR|EEXIST)/],
    [['--json', 'FILE/r.json'], /can't be written .*(ENOTDIR|EEXIST)/],
  ])('fails in words: %o', async (args, message) => {
    writeDemoRun(at('a'), { steps: 3, everyPictures: 0 });
    writeFileSync(at('file'), '');
    const made = args.map((arg) => arg.replace('FILE', at('file')));
    expect(await main(['report', at('a'), ...made])).toBe(1);
    expect(complained.join('\n')).toMatch(message);
  });
});

describe('bicot watch', () => {
  it('serves until it is interrupted', async () => {
    writeDemoRun(at('a'), { steps: 3, everyPictures: 0 });
    const ended = main(['watch', at('a')]);
    await vi.waitFor(() => expect(printed).toHaveLength(1));
    const [url] = /http:\S+/.exec(printed[0] as string) ?? [];
    expect((await fetch(url as string)).status).toBe(200);
    process.emit('SIGTERM');
    expect(await ended).toBe(0);
    await expect(fetch(url as string)).rejects.toThrow();
  });
});
