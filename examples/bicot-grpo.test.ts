import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { clipped, type StepMetrics, t2iR1, train } from 'bicot';
import { decodePng } from 'bicot/node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPolicy, main, PROMPTS, rewards, rolloutOf, warmUp } from './bicot-grpo.js';

const TINY = { backend: 'wasm', seed: 3, 'prompts-per-step': 2, 'group-size': 4, warmup: 3, steps: 2 };

const meanReward = (steps: readonly Record<string, number>[]): number =>
  steps.reduce((sum, step) => sum + (step.reward as number), 0) / steps.length;

describe('the one-file example', () => {
  const lines: string[] = [];
  beforeAll(() => {
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  });
  afterAll(() => {
    vi.restoreAllMocks();
  });

  it('runs, prints a line a step, draws a grid, and leaves no tensors behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bicot-grpo-'));
    const out = join(folder, 'grid.png');
    const tensors = tf.memory().numTensors;
    lines.length = 0;
    const { history, before, after } = await main({ ...TINY, out });
    expect(tf.memory().numTensors).toBe(tensors);

    expect(history.map(({ step }) => step)).toEqual([0, 1]);
    for (const metrics of history) {
      expect(Object.entries(metrics).filter(([, value]) => !Number.isFinite(value))).toEqual([]);
      for (const level of ['semantic', 'token']) {
        expect(metrics[`losses/first_ratio_error/${level}`]).toBeLessThan(1e-4);
        // The second update sees the policy that the first one moved.
        expect(metrics[`losses/approx_kl/${level}`]).toBeGreaterThan(0);
      }
    }
    expect([before, after].every((reward) => reward >= 0 && reward <= 2.5)).toBe(true);
    expect(lines.filter((line) => line.startsWith('step '))).toHaveLength(2);
    expect(decodePng(await readFile(out)).width).toBeGreaterThan(8 * 64);
    await rm(folder, { recursive: true });
  });

  it('is what the library does in train()', async () => {
    const { history } = await main(TINY);
    const policy = createPolicy(TINY.seed);
    await warmUp(policy, TINY.warmup, TINY.seed);
    const run = train({
      policy,
      rollout: rolloutOf(policy),
      reward: rewards,
      prompts: PROMPTS,
      steps: TINY.steps,
      groupSize: TINY['group-size'],
      promptsPerStep: TINY['prompts-per-step'],
      seed: TINY.seed,
      objective: t2iR1({ surrogate: clipped({ low: 0.2, high: 0.2 }) }),
      updatesPerRollout: 2,
      learningRate: 1e-3,
    });
    const steps: StepMetrics[] = [];
    for await (const { metrics } of run) steps.push(metrics);
    policy.dispose();

    steps.forEach((step, i) => {
      const mine = history[i] as Record<string, number>;
      expect(mine.reward).toBeCloseTo(step.reward.mean, 12);
      for (const [name, member] of Object.entries(step.reward.byMember)) {
        expect(mine[`reward/${name}`]).toBeCloseTo(member.mean, 12);
      }
      expect(mine['losses/loss']).toBeCloseTo(step.loss, 5);
      expect(mine['losses/grad_norm']).toBeCloseTo(step.gradNorm, 4);
      for (const [name, level] of Object.entries(step.levels)) {
        expect(mine[`losses/kl/${name}`]).toBeCloseTo(level.kl, 5);
        expect(mine[`losses/approx_kl/${name}`]).toBeCloseTo(level.approxKl, 5);
        expect(mine[`losses/clipfrac/${name}`]).toBeCloseTo(level.clipFraction, 2);
        expect(mine[`losses/entropy/${name}`]).toBeCloseTo(level.entropy, 4);
      }
    });
  });

  it('learns, and does better on prompts that it never saw', async () => {
    const { history, before, after } = await main({ backend: 'wasm', seed: 0, warmup: 80, steps: 30 });
    expect(meanReward(history.slice(-5)) - meanReward(history.slice(0, 5))).toBeGreaterThan(0.4);
    expect(after - before).toBeGreaterThan(0.2);
  });
});
