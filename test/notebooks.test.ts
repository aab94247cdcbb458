/** The committed notebooks read well without being run. test/packages/notebook runs them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  committedForm,
  difference,
  type Notebook,
  type Output,
  sameText,
  shownBy,
  textOf,
} from './packages/notebook/outputs.mjs';

const folder = fileURLToPath(new URL('../examples/notebooks', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.ipynb'));
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const notebook = (name: string) => JSON.parse(read(name)) as Notebook;

describe('the notebooks', () => {
  it('are five, and the README names each', () => {
    expect(names).toHaveLength(5);
    for (const name of names) expect(read('README.md')).toContain(`(${name})`);
  });

  it('import only what the README installs', () => {
    const sources = [
      read('plot.ts'),
      ...names.flatMap((name) => notebook(name).cells.map((c) => textOf(c.source))),
    ];
    const packages = sources
      .flatMap((source) =>
        [...source.matchAll(/(?:from |require\.resolve\()'([^.'][^']*)'/g)].map(
          (found) => found[1] as string,
        ),
      )
      .map((specifier) =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      );
    const [, installed = ''] = read('README.md').match(/^npm i (.*)$/m) ?? [];
    expect(new Set(installed.split(' '))).toEqual(new Set(packages));
  });

  it.each(names)('%s was run from top to bottom, without errors, and shows pictures', (name) => {
    const code = notebook(name).cells.filter(({ cell_type }) => cell_type === 'code');
    expect(code.map(({ execution_count }) => execution_count)).toEqual(code.map((_, i) => i + 1));
    const outputs = code.flatMap((cell) => cell.outputs ?? []);
    expect(outputs.filter(({ output_type }) => output_type === 'error')).toEqual([]);
    expect(outputs.filter((output) => output.name === 'stderr')).toEqual([]);
    expect(outputs.filter(({ data }) => data?.['image/png']).length).toBeGreaterThanOrEqual(2);
  });

  it.each(names)(
    '%s says nothing about the machine that ran it, and is in the form that is committed',
    (name) => {
      const words = notebook(name).cells.flatMap((cell) => [textOf(cell.source), ...shownBy(cell)]);
      for (const text of words) {
        expect(text).not.toMatch(/\/(?:tmp|home|root|Users|work)\//);
        expect(text).not.toMatch(/\b\d[\d.]* ?(?:ms|seconds)\b/);
      }
      expect(read(name)).toBe(committedForm(notebook(name)));
      expect(read(name).length).toBeLessThan(1e6);
    },
  );

  it('links to notebooks that exist', () => {
    const links = names.flatMap((name) =>
      [...read(name).matchAll(/\]\(([\w-]+\.ipynb)\)/g)].map(([, to]) => to),
    );
    expect(links.length).toBeGreaterThan(3);
    expect(names).toEqual(expect.arrayContaining(links));
  });

  it('make a model of their own in at most 60 lines, up to the learning curve', () => {
    const cells = notebook('04-bring-your-own-model.ipynb').cells;
    const end = cells.findIndex(({ source }) => textOf(source).startsWith('## What checkPolicy finds'));
    const lines = cells
      .slice(0, end)
      .filter(({ cell_type }) => cell_type === 'code')
      .flatMap(({ source }) => textOf(source).split('\n'))
      .filter((line) => line.trim() !== '' && !/^\s*(?:\/\/|\/\*\*)/.test(line));
    expect(end).toBeGreaterThan(5);
    expect(lines.length).toBeLessThanOrEqual(60);
  });
});

describe('a fresh run is compared with what is committed', () => {
  const cell = (...outputs: Output[]) => ({ cell_type: 'code', source: 'x', outputs });
  const print = (text: string): Output => ({ output_type: 'stream', name: 'stdout', text });

  it('word by word, numbers with a tolerance', () => {
    expect(sameText('reward 0.751\n', 'reward  0.749')).toBe(true);
    expect(sameText('reward 0.75', 'reward 0.65')).toBe(false);
    expect(sameText('reward 0.75', 'rewards 0.75')).toBe(false);
    expect(sameText('loss −0.75', 'loss 0.75')).toBe(false);
    expect(sameText('plan: dog a2 cat b3', 'plan: dog a3 cat b3')).toBe(false);
    expect(sameText('passed: 22 checks', 'passed: 21 checks')).toBe(false);
    expect(sameText('differ by 1.9e-7', 'differ by 2.4e-7')).toBe(true);
    expect(sameText('a 1', 'a')).toBe(false);
  });

  it('output by output', () => {
    const picture: Output = { output_type: 'display_data', data: { 'image/png': 'x' } };
    const committed = { cells: [cell(print('a'), print('b'), picture)] };
    expect(difference(committed, { cells: [cell(print('ab'), picture)] })).toBeUndefined();
    expect(difference(committed, { cells: [cell(print('ab'))] })).toMatch(
      /cell 0[\s\S]*image\/png[\s\S]*nothing/,
    );
    expect(difference(committed, { cells: [cell(print('ac'), picture)] })).toMatch(/stdout: ac/);
    const failed: Output = { output_type: 'error', ename: 'Error', evalue: 'no' };
    expect(difference(committed, { cells: [cell(print('ab'), picture, failed)] })).toMatch(/error: Error no/);
  });
});
