/** docs/performance.md says what the committed results say. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Comparison, ResultFile } from '../results.js';
import { PAGE, readResults, writtenPage } from './page.js';

describe('docs/performance.md', () => {
  it('is what `npm run bench -- docs` writes', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(writtenPage(readResults()));
  });
});

const comparison: Comparison = {
  title: 'an update',
  unit: 'ms',
  flops: 4e9,
  limits: [{ name: 'tf.matMul', gflops: 40 }],
  variants: [
    { name: 'port', rounds: [4000, 3000, 5000] },
    { name: 'bicot', rounds: [1000, 2000, 500] },
    { name: 'PyTorch, 1 thread', rounds: [300, 200, 100] },
    { name: 'PyTorch, 2 threads', rounds: [50, 40, 400] },
  ],
};

const file: ResultFile = {
  circumstances: {
    date: '2026-11-25 02:00',
    cpu: 'CPU',
    cores: 2,
    load: [0.1, 1],
    versions: { node: '20.0.0' },
    rounds: 3,
  },
  results: [
    {
      benchmark: 'train',
      size: 'S',
      comparisons: [comparison],
      skipped: [
        { name: 'a', reason: 'missing' },
        { name: 'b', reason: 'missing' },
        { name: 'a', reason: 'missing' },
      ],
    },
    {
      benchmark: 'growth',
      size: 'S',
      comparisons: [],
      growth: [
        {
          axis: 'layers',
          task: 'train',
          points: [
            { value: 2, rounds: [60] },
            { value: 4, rounds: [100] },
            { value: 8, rounds: [220] },
          ],
        },
        {
          axis: 'workers',
          task: 'train',
          points: [
            { value: 1, rounds: [100] },
            { value: 2, rounds: [60] },
          ],
        },
        {
          axis: 'processes',
          task: 'train',
          points: [
            { value: 1, rounds: [100] },
            { value: 2, rounds: [110] },
          ],
        },
      ],
      skipped: [],
    },
  ],
};

describe('the page of some results', () => {
  const page = writtenPage([file]);

  it('has ratios of medians, speeds, and the better PyTorch', () => {
    expect(page).toContain('| an update | port | 4000 | 3000–5000 | 1 | 1.00 |');
    expect(page).toContain('|  | bicot | 1000 | 500–2000 | **4.00** | 4.00 |');
    expect(page).toContain('|  | PyTorch, 2 threads | 50.0 | 40.0–400 | **80.0** | 80.0 |');
    expect(page).not.toContain('PyTorch, 1 thread');
    expect(page).toContain(
      'its 4.00 GFLOP of products alone would take 100 ms at the 40.0 GFLOPS of tf.matMul',
    );
  });

  it('says what was not run, and when and where', () => {
    expect(page).toContain('Not run (missing): a; b.');
    expect(page).toContain('2026-11-25 02:00 UTC, 2 × CPU, node 20.0.0, load average 0.1 before, 1 after');
  });

  it('compares growth with proportion', () => {
    expect(page).toContain('| layers | train | 2: 60.0, 4: 100, 8: 220 | 2: 1.20, 4: 1.00, 8: 1.10 |');
    expect(page).toContain('| workers | train | 1: 100, 2: 60.0 | 1: 1.00, 2: 1.20 |');
    expect(page).toContain('| processes | train | 1: 100, 2: 110 | 1: 1.00, 2: 1.10 |');
  });

  it('leaves out benchmarks without results', () => {
    expect(page).not.toContain('## Kernels');
  });
});
