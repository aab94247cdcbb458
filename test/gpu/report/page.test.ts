/** docs/gpu.md says what the committed results say. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { JANUS_SIZES } from '../janus/sizes.js';
import type { GpuResults, JanusEntry } from '../results.js';
import { PAGE, readResults, writtenPage } from './page.js';

describe('docs/gpu.md', () => {
  it('is what `npm run gpu:bench -- docs` writes', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(writtenPage(readResults()));
  });

  it('says so where there are no results', () => {
    const page = writtenPage([]);
    expect(page).toContain('**No GPU has been had yet.**');
    expect(page).toContain('| – | – | – | – |');
  });
});

const seconds = { plan: 2, image: 16, pixels: 1, reference: 3, update: 8, total: 30 };
const compiling = { ...seconds, total: 90 };
const tokens = { plan: 256, image: 4608 };
const measured = { date: '2026-11-28 01:00', where: 'a GPU', seconds: 200 };
const janus: JanusEntry = {
  ...{ ...measured, part: 'janus', command: 'npm run gpu:bench -- janus', sizeName: '1b' },
  ...{ size: JANUS_SIZES['1b'], microBatch: 1, rowsAtOnce: 8 },
  programs: [
    {
      ...{ name: 'bicot, WebGPU', versions: {}, loadSeconds: 40, agrees: undefined },
      rounds: [
        { seconds: compiling, tokens },
        { seconds, tokens },
        { seconds: { ...seconds, image: 32, total: 46 }, tokens },
      ],
      peak: { tensors: 9e9, 'GPU buffers': 11e9 },
      driverMegabytes: 12_000,
    },
    {
      ...{ name: 'PyTorch', versions: {}, agrees: false, failed: 'ended with 1: out of memory\nmore' },
      rounds: [{ seconds, tokens }],
      peak: { tensors: 8e9 },
    },
  ],
};
const results: GpuResults = {
  machine: {
    nvidia: { name: 'NVIDIA GPU', driver: '580.1', memoryMegabytes: 81_559 },
    ...{ webgpu: 'nvidia, hopper', cpu: 'CPU', cores: 16, memoryGigabytes: 128, system: 'Linux 6 x64' },
    ...{ versions: { node: '20.0.0' }, commit: 'abc+' },
  },
  entries: [
    janus,
    {
      ...{
        ...measured,
        part: 'check',
        backend: 'webgpu',
        command: 'npm run gpu:check',
        failed: 'contracts: no',
      },
      suites: [
        { name: 'numeric suites', passed: 400, failed: 1, skipped: 2, faults: ['a.test.ts > sums | adds'] },
      ],
    },
    {
      ...{ ...measured, part: 'demo', backend: 'webgpu', command: 'npm run gpu:bench -- demo' },
      result: { steps: 65, seconds: 120.5, heldOutJudge: { before: 42, after: 71.25 }, klToBase: 0.5 },
    },
  ],
};

describe('the page of some results', () => {
  const page = writtenPage([results]);

  it('names the machine and the commands', () => {
    expect(page).toContain('## NVIDIA GPU');
    expect(page).toContain('- GPU: NVIDIA GPU, 81559 MiB, driver 580.1');
    expect(page).toContain('commit abc+');
    expect(page).toContain('By `npm run gpu:bench -- janus` (2026-11-28 01:00 UTC).');
    expect(page).not.toContain('No GPU has been had');
  });

  it('has means of the steps after the first', () => {
    expect(page).toContain('| rollout: images | 24.0 | 16.0 |');
    expect(page).toContain('| **the step** | 38.0 | 30.0 |');
    expect(page).toContain('| tokens/s, images | 192 | 288 |');
    expect(page).toContain('| first step, with what is compiled | 90.0 | 30.0 |');
    expect(page).toContain('| peak: GPU buffers | 11.0 GB | – |');
    expect(page).toContain('| peak: by the driver | 12.6 GB | – |');
  });

  it('says what went wrong', () => {
    expect(page).toContain('PyTorch is not finished: ended with 1: out of memory.');
    expect(page).toContain('PyTorch does not compute what the first does: do not compare.');
    expect(page).toContain('PyTorch: one step only');
    expect(page).toContain('| webgpu | numeric suites | 400 | 1 | 2 |');
    expect(page).toContain('- webgpu, numeric suites: a.test.ts > sums \\| adds');
    expect(page).toContain('Not finished: webgpu: contracts: no.');
  });

  it('shows the demo', () => {
    expect(page).toContain('| a GPU | 65 | 42.0 | 71.3 | 0.5000 | 121 | 200 |');
  });
});
