/** Each benchmark runs, and refuses to compare what does not agree. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { assertSame, fingerprint } from './check.js';
import { whyNoTorch } from './implementations.js';
import { BENCHMARKS, readOptions } from './options.js';
import type { Result, ResultFile } from './results.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The results of `npm run bench` at the smallest size. */
async function bench(...args: string[]): Promise<ResultFile> {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-bench-test-'));
  const json = join(folder, 'results.json');
  const run = ['--import', 'tsx', 'test/bench/run.ts', ...args, '--size', 'tiny', '--rounds', '1'];
  try {
    await promisify(execFile)(process.execPath, [...run, '--json', json], { cwd: root });
    return JSON.parse(readFileSync(json, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const namesIn = ({ comparisons }: Result): string[] =>
  comparisons.flatMap(({ variants }) => variants.map(({ name }) => name));

describe('npm run bench', () => {
  it('runs every benchmark, on values that agree', async () => {
    const { results, circumstances } = await bench('all', '--no-torch', '--workers', '1');
    expect(results.map(({ benchmark }) => benchmark)).toEqual([...BENCHMARKS]);
    const others = ['growth', 'load', 'checkpointing', 'rewards', 'distributed'];
    for (const result of results.filter(({ benchmark }) => !others.includes(benchmark))) {
      expect(namesIn(result), result.benchmark).toContain('bicot, composed kernels');
    }
    const times = results.flatMap(({ comparisons }) =>
      comparisons.flatMap(({ variants }) => variants.flatMap(({ rounds }) => rounds)),
    );
    expect(times.every((ms) => ms > 0)).toBe(true);
    const load = results.find(({ benchmark }) => benchmark === 'load') as Result;
    expect(namesIn(load)).toEqual(['the weights themselves', 'tensor by tensor, in pieces', 'file by file']);
    const growth = results.find(({ benchmark }) => benchmark === 'growth')?.growth ?? [];
    expect(growth.map(({ axis }) => axis)).toContain('image tokens');
    expect(circumstances.versions.tfjs).toBe('4.22.0');
  }, 300_000);

  it.skipIf(whyNoTorch() !== undefined)(
    'PyTorch computes the same step',
    async () => {
      const { results } = await bench('step', '--workers', '1');
      expect(results.flatMap(namesIn)).toContain('PyTorch, 1 thread');
    },
    180_000,
  );

  it('takes one benchmark or all, and numbers that make sense', () => {
    expect(readOptions(['all'])?.names).toEqual(BENCHMARKS);
    expect(readOptions(['train', '--size', 'M', '--workers', '1,2'])).toMatchObject({
      names: ['train'],
      size: 'M',
      workers: [1, 2],
      torch: true,
    });
    for (const wrong of [
      [],
      ['run'],
      ['train', '--rounds', '0'],
      ['train', '--size', 'XL'],
      ['load', '--bytes', '4e9'],
    ]) {
      expect(readOptions(wrong)).toBeUndefined();
    }
  });
});

describe('assertSame', () => {
  const values = Array.from({ length: 100 }, (_, i) => Math.sin(i * i));
  const check = (changed: readonly number[]) => () =>
    assertSame('x', { gradient: fingerprint(values) }, { gradient: fingerprint(changed) });

  it('lets rounding pass', () => {
    expect(check(values.map((value) => value * (1 + 1e-6)))).not.toThrow();
  });

  it.each([
    ['a scale', values.map((value) => value * 1.001)],
    ['a sign', values.map((value) => -value)],
    ['an order', [...values].reverse()],
    ['NaN', values.map((value, i) => (i === 50 ? Number.NaN : value))],
  ])('notices %s', (_, changed) => {
    expect(check(changed)).toThrow('x: gradient disagrees');
  });

  it('notices that nothing was compared', () => {
    expect(() => assertSame('x', { a: fingerprint(values) }, {})).toThrow('no value in common');
  });
});
