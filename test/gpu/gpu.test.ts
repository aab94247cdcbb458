/** The GPU kit, on backends that every machine has. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertSame, type Check } from '../bench/check.js';
import { describeOnBackends, expectNoLeak } from '../support/backends.js';
import { janusCheck, openJanus, startJanusRun } from './janus/bicot-step.js';
import { stepClock } from './janus/phases.js';
import { janusProblem } from './janus/problem.js';
import type { JanusEvent } from './janus/protocol.js';
import { JANUS_SIZES } from './janus/sizes.js';
import { readBenchOptions, readCheckOptions } from './options.js';
import { deadlineIn, runProgram, shareOf } from './program.js';
import { type GpuResults, type Machine, openResults } from './results.js';
import { findTorch, PYTHON } from './torch.js';
import { vitestSuite } from './vitest-summary.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const size = { ...JANUS_SIZES.tiny, group: 2 };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-gpu-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('npm run gpu:bench', () => {
  it('makes a step of a tiny Janus and writes down what it took', async () => {
    const args = [
      'janus',
      '--size',
      'tiny',
      '--group',
      '2',
      '--backend',
      'wasm',
      '--rounds',
      '2',
      '--no-torch',
    ];
    await run(process.execPath, ['--import', 'tsx', 'test/gpu/bench.ts', ...args, '--out', folder], {
      cwd: root,
    });
    const { machine, entries } = JSON.parse(readFileSync(join(folder, 'gpu.json'), 'utf8')) as GpuResults;
    expect(machine.versions).toMatchObject({ tfjs: '4.22.0', node: process.versions.node });
    const [entry] = entries;
    if (entry?.part !== 'janus') throw new Error('There is no entry.');
    expect(entry).toMatchObject({ sizeName: 'tiny', size: { group: 2, rank: 4 }, microBatch: 1 });
    const [program] = entry.programs;
    expect(program?.failed).toBeUndefined();
    expect(program?.rounds).toHaveLength(2);
    expect(program?.rounds[1]?.tokens).toEqual({ plan: expect.any(Number), image: 32 });
    expect(program?.peak.tensors).toBeGreaterThan(3.4e6); // the weights
    expect(readFileSync(join(folder, 'gpu.md'), 'utf8')).toContain('| **the step** | ');
  }, 120_000);

  it('refuses what makes no sense', () => {
    expect(readBenchOptions(['all'])).toMatchObject({
      parts: ['policy', 'demo', 'janus'],
      policySizes: ['S', 'M'],
      janusSize: '1b',
      janus: {},
      minutes: 9,
    });
    expect(readBenchOptions(['janus', '--size', 'small', '--grid', '6', '--plan', '8'])).toMatchObject({
      janusSize: 'small',
      janus: { grid: 6, planTokens: 8 },
    });
    expect(readBenchOptions(['all', '--size', 'tiny'])).toMatchObject({
      policySizes: ['tiny'],
      janusSize: 'tiny',
    });
    for (const wrong of [
      [],
      ['speed'],
      ['janus', '--size', 'S'],
      ['policy', '--size', '1b'],
      ['all', '--size', 'S'],
      ['janus', '--grid', '0'],
      ['janus', '--rounds', '1.5'],
      ['janus', '--minutes', 'x'],
      ['janus', '--hurry'],
    ]) {
      expect(readBenchOptions(wrong), wrong.join(' ')).toBeUndefined();
    }
    expect(readCheckOptions(['--backend', 'webgpu', '--software'])).toMatchObject({
      backends: ['webgpu'],
      start: { software: true },
    });
    expect(readCheckOptions(['policy'])).toBeUndefined();
  });
});

describeOnBackends('a step of Janus', () => {
  it('is timed part by part, and leaves nothing behind', () =>
    expectNoLeak(async () => {
      const problem = janusProblem(size, 1);
      const policy = await openJanus(problem, () => {});
      const steps = startJanusRun(problem, policy, 2);
      const { seconds, tokens } = await steps.step();
      const { total, ...parts } = seconds;
      expect(Object.values(parts).every((value) => value > 0)).toBe(true);
      expect(Object.values(parts).reduce((sum, value) => sum + value, 0)).toBeLessThanOrEqual(total);
      expect(tokens.image).toBe(2 * size.grid ** 2);
      await steps.dispose();
      policy.dispose();
    }));
});

describe('PyTorch', () => {
  it.skipIf(findTorch().device === undefined)(
    'computes the same step of Janus',
    async () => {
      const problem = janusProblem(size, 1);
      const file = join(folder, 'problem.json');
      writeFileSync(file, JSON.stringify(problem));
      const request = JSON.stringify({ problem: file, rounds: 1, device: 'cpu', rowsAtOnce: 2, start: {} });
      const script = fileURLToPath(new URL('./janus/torch_step.py', import.meta.url));
      const { stdout } = await run(PYTHON, ['-B', script, request], {
        env: { ...process.env, OMP_NUM_THREADS: '1' },
      });
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as JanusEvent);
      expect(events.filter(({ event }) => event === 'failed')).toEqual([]);
      expect(events.at(-1)).toMatchObject({ event: 'round', tokens: { image: 32 } });
      const theirs = events.find((event) => event.event === 'check') as { readonly check: Check };
      const policy = await openJanus(problem, () => {});
      const own = await janusCheck(problem, policy);
      policy.dispose();
      expect(Object.keys(theirs.check).sort()).toEqual(Object.keys(own).sort());
      assertSame('bicot and PyTorch', own, theirs.check);
    },
    180_000,
  );
});

describe('a clock of steps', () => {
  it('gives each part its time, and what belongs to none to the total', () => {
    let time = 0;
    const clock = stepClock(() => time);
    for (const offset of [0, 10_000]) {
      time = offset;
      clock.start();
      clock.enter('plan');
      time += 1000;
      clock.enter('image');
      time += 2000;
      clock.enter(undefined);
      time += 500;
      clock.enter('update');
      time += 250;
      clock.enter('update');
      time += 250;
      expect(clock.stop()).toEqual({ plan: 1, image: 2, pixels: 0, reference: 0, update: 0.5, total: 4 });
    }
  });
});

describe('a program', () => {
  it('is ended with all that it started when its time is over', async () => {
    const lines: string[] = [];
    const script = `const { spawn } = require('child_process');
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      console.log(child.pid); setInterval(() => {}, 1000);`;
    const deadline = { left: () => (lines.length === 0 ? 3000 : 0), reason: 'too late' };
    const ended = await runProgram(process.execPath, ['-e', script], {
      deadline,
      onLine: (line) => lines.push(line),
    });
    expect(ended).toEqual({ failed: 'too late' });
    // It would not have come to an end before its output was closed, which the other one holds too.
    expect(lines).toHaveLength(1);
  });

  it('tells why it failed', async () => {
    const options = { onLine: () => {}, deadline: deadlineIn(1) };
    const crash = await runProgram(
      process.execPath,
      ['-e', 'console.error("no memory"); process.exit(3)'],
      options,
    );
    expect(crash.failed).toBe('ended with 3: no memory');
    expect((await runProgram('there-is-no-such-program', [], options)).failed).toMatch(/ENOENT/);
    expect(await runProgram(process.execPath, ['-e', ''], options)).toEqual({});
  });

  it('leaves some time to what comes after', () => {
    const deadline = { left: () => 1000, reason: 'x' };
    expect(shareOf(deadline, 1).left()).toBeGreaterThan(900);
    expect(shareOf(deadline, 2).left()).toBeLessThanOrEqual(700);
  });
});

describe('results', () => {
  const machine: Machine = {
    ...{ webgpu: 'none', cpu: 'CPU', cores: 1, memoryGigabytes: 1, system: 'x', versions: {}, commit: 'a' },
  };
  const entry = (backend: string, seconds: number) =>
    ({ part: 'demo', backend, seconds, date: '2026-11-28 01:00', command: 'x', where: 'y' }) as const;
  const read = () => JSON.parse(readFileSync(join(folder, 'gpu.json'), 'utf8')) as GpuResults;

  it('add up on one machine, the last of a kind counting', () => {
    openResults(folder, machine).put(entry('webgpu', 1));
    const more = openResults(folder, machine);
    more.put(entry('node-gpu', 2));
    more.put(entry('webgpu', 3));
    expect(read().entries.map(({ seconds }) => seconds)).toEqual([2, 3]);
  });

  it('of another machine or version are put aside', () => {
    openResults(folder, machine).put(entry('webgpu', 1));
    openResults(folder, { ...machine, commit: 'b' }).put(entry('node-gpu', 2));
    expect(read().entries).toHaveLength(1);
    expect(readdirSync(folder).filter((name) => name.startsWith('gpu-before-'))).toHaveLength(1);
  });
});

describe("vitest's summary", () => {
  it('is read', () => {
    const suite = vitestSuite('x');
    expect(suite.result()).toBeUndefined();
    for (const line of [
      ' FAIL  src/a.test.ts > adds',
      ' FAIL  src/a.test.ts > adds',
      '      Tests  2 failed | 398 passed | 3 skipped (403)',
    ]) {
      suite.read(line);
    }
    expect(suite.result()).toEqual({
      ...{ name: 'x', passed: 398, failed: 2, skipped: 3 },
      faults: ['src/a.test.ts > adds'],
    });
  });
});
