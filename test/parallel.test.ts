/** Training in real threads: the same bits whatever their number, failures, and what is left behind. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  balanced,
  evaluate,
  freezeReference,
  type HostPass,
  levelBatches,
  type Objective,
  oneLevelRollout,
  type ParallelOptions,
  policyReference,
  type StepMetrics,
  type TokenContext,
  type TrainOptions,
  train,
  uniformStream,
  type WorkerPool,
  withoutTiming,
  workerPool,
} from 'bicot';
import { exportWeights, type TransformerPolicy } from 'bicot/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gmpo } from '../examples/objectives/gmpo.js';
import { countOf, type Fault, faultyPolicy } from './support/faulty-policy.js';
import { parityReward, smallTask } from './support/small-task.js';
import { smallTransformer } from './support/small-transformer.js';
import { context, type TabularPolicy } from './support/tabular-policy.js';
import { bundledEntry } from './support/worker-entry.js';

// From the TypeScript sources, which recipes of test modules need, threads take seconds to start.
const SLOW = 120_000;

const objective: Objective = balanced({ klWeight: 0.05, entropyWeight: 0.01 });

function options(
  policy: TransformerPolicy,
  more: Partial<TrainOptions<number, TokenContext>> = {},
): TrainOptions<number, TokenContext> {
  return {
    ...smallTask(policy),
    ...{ objective, learningRate: 1e-2, ...more },
  };
}

/** Trains a fresh policy with what `parallel` makes of it. */
async function trained(
  parallel?: (policy: TransformerPolicy) => Promise<WorkerPool<TokenContext> | ParallelOptions>,
  more: (policy: TransformerPolicy) => Partial<TrainOptions<number, TokenContext>> = () => ({}),
) {
  const policy = await smallTransformer();
  const pool = await parallel?.(policy);
  const before = tf.memory().numTensors;
  const metrics: StepMetrics[] = [];
  for await (const step of train({ ...options(policy), ...more(policy), ...(pool && { parallel: pool }) })) {
    metrics.push(withoutTiming(step.metrics) as StepMetrics);
  }
  expect(tf.memory().numTensors).toBe(before);
  if (pool && 'dispose' in pool) await pool.dispose();
  const weights = await exportWeights(policy.variables);
  policy.dispose();
  return { metrics, weights };
}

/** Of threads that start fast, for policies of bicot's own. */
let entry: URL;
const poolOf = (workers: number, rowsPerTask?: number) => (policy: TransformerPolicy) =>
  workerPool<TokenContext>(policy, { workers, rowsPerTask, entry });

describe('training in workers', () => {
  let alone: Awaited<ReturnType<typeof trained>>;
  beforeAll(async () => {
    entry = await bundledEntry();
    alone = await trained();
    expect(alone.metrics.map(({ gradNorm }) => gradNorm > 0)).toEqual([true, true, true]);
    expect(alone.metrics.at(-1)?.levels.semantic?.kl).toBeGreaterThan(0);
  }, SLOW);

  it(
    'gives the same weights and metrics for 1, 2 and 3 workers, to the bit',
    async () => {
      const [one, two, three] = [
        await trained(poolOf(1, 4)),
        await trained(poolOf(2, 4)),
        await trained(poolOf(3, 4)),
      ];
      expect(two).toEqual(one);
      expect(three).toEqual(one);
      // Chunks of contexts of other lengths are padded otherwise, which changes sums by their last bits.
      expect(one.metrics.map(({ gradNorm }) => gradNorm)).toBeAllclose(
        alone.metrics.map(({ gradNorm }) => gradNorm),
        1e-3,
      );
    },
    SLOW,
  );

  it(
    'gives the bits of a run without workers where its samples are drawn in the same chunks',
    async () => {
      expect(await trained(async () => ({ workers: 2, entry }))).toEqual(alone);
    },
    SLOW,
  );

  it(
    'falls back to the calling thread for a reference that is a policy of its own, and takes a surrogate from a module',
    async () => {
      const teacher = await smallTransformer();
      const own = () => ({ reference: policyReference(teacher), objective: gmpo({ klWeight: 0.1 }) });
      const fromSources = (policy: TransformerPolicy) => workerPool<TokenContext>(policy, { workers: 2 });
      expect(await trained(fromSources, own)).toEqual(await trained(undefined, own));
      teacher.dispose();
    },
    SLOW,
  );
});

describe('a pool in threads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-parallel-'));
  const fault = (name: string, more: Partial<Fault>): Fault => ({ log: join(folder, name), ...more });
  afterAll(() => rmSync(folder, { recursive: true }));

  const requestOf = (maxTokens = 5) => ({
    contexts: [context(1), context(2), context(3)],
    samplesPerContext: 2,
    space: 'image',
    sampling: { maxTokens },
    streams: (row: number) => uniformStream('threads', row),
  });
  const rolloutOf = (policy: TabularPolicy) =>
    oneLevelRollout<number, TokenContext>({
      policy,
      space: 'image',
      sampling: {},
      context: (word) => context(word),
    });

  it(
    'replaces a worker that ends, and does its task again; not for ever',
    async () => {
      const once = fault('once', { exits: true, times: 2 });
      const policy = faultyPolicy(once);
      const pool = await workerPool(policy, { workers: 2, rowsPerTask: 2 });
      const sampled = await pool.sample(policy, requestOf());
      expect(countOf(once)).toBeGreaterThanOrEqual(2);
      await pool.dispose();
      expect(sampled.completion.rows).toBe(6);

      const always = faultyPolicy(fault('always', { exits: true }));
      const doomed = await workerPool(always, { workers: 1 });
      await expect(doomed.sample(always, requestOf())).rejects.toMatchObject({
        code: 'worker',
        message: expect.stringMatching(/3 workers in a row.*sample.*exited with code 3/),
      });
      await doomed.dispose();
      for (const one of [policy, always]) one.dispose();
    },
    SLOW,
  );

  it(
    'passes errors on as they were, and goes on',
    async () => {
      const policy = faultyPolicy(fault('nan', { nan: true, times: 1 }));
      const pool = await workerPool(policy, { workers: 1 });
      const error = await pool.sample(policy, requestOf()).catch((reason) => reason);
      expect(error).toMatchObject({ name: 'BicotError', code: 'non-finite' });
      expect(error.message).toMatch(/space 'image'.*NaN/);
      expect(error.cause.stack).toMatch(/sampler/);
      expect((await pool.sample(policy, requestOf())).completion.rows).toBe(6);

      // A rollout of its own makes, evaluates and trains the same; levels that need no gradient are scored.
      const made = await rolloutOf(policy)({
        ...{ prompts: [1, 2], promptIds: [1, 2], groupSize: 2, step: 0, seed: 0, sample: pool.sample },
      });
      const [batch] = levelBatches(policy, made, Float32Array.of(1, -1, 0, 0), balanced({ klWeight: 0 }));
      const pass: HostPass = await pool.gradients(batch as NonNullable<typeof batch>);
      expect(Object.keys(pass.gradients)).toEqual(['image/bigram', 'image/bias']);
      const reference = freezeReference(policy);
      const { level } = batch as NonNullable<typeof batch>;
      expect(await pool.score(level, { reference })).toEqual(await pool.score(level));
      reference.dispose();

      const evaluation = {
        rollout: rolloutOf(policy),
        reward: parityReward,
        prompts: [1, 2, 3],
        samplesPerPrompt: 2,
      };
      const here = await evaluate(evaluation);
      const there = await evaluate({ ...evaluation, parallel: pool });
      expect(there).toEqual({ ...here, seconds: expect.any(Number) });
      await pool.dispose();
      policy.dispose();
    },
    SLOW,
  );

  it(
    'stops promptly when it is aborted, in a rollout and in an update, and takes the next task',
    async () => {
      const policy = await smallTransformer();
      const pool = await workerPool(policy, { workers: 1, entry: await bundledEntry() });
      for (const phase of ['rollout', 'update']) {
        const abort = new AbortController();
        const steps = train(
          options(policy, {
            parallel: pool,
            signal: abort.signal,
            onProgress: (progress) => {
              if (progress.phase === phase && 'detail' in progress) abort.abort();
            },
          }),
        );
        await expect(steps.next()).rejects.toMatchObject({ code: 'aborted' });
      }
      const { value } = await train(options(policy, { parallel: pool, steps: 1 })).next();
      expect(value?.metrics.gradNorm).toBeGreaterThan(0);
      await pool.dispose();
      policy.dispose();
    },
    SLOW,
  );

  it('is refused before anything is made where it could do nothing', async () => {
    const policy = await smallTransformer();
    const other = await smallTransformer();
    expect(() => train(options(policy, { parallel: { workers: 0 } }))).toThrow(/workers is 0/);
    const misspelt = { workers: 1, row: 3 } as { workers: number };
    expect(() => train(options(policy, { parallel: misspelt }))).toThrow(/no option 'row'/);
    const copy = { ...policy };
    expect(() => train({ ...options(copy), parallel: { workers: 1 } })).toThrow(/has no recipe/);
    const foreign = { policy: other, sample: () => {} } as unknown as WorkerPool<TokenContext>;
    expect(() => train(options(policy, { parallel: foreign }))).toThrow(/pool of another policy/);
    for (const one of [policy, other]) one.dispose();
  });
});
