/** Trainings over a queue in a real Redis, with workers in processes of their own. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import {
  balanced,
  type ExecutorTask,
  inProcess,
  type StepMetrics,
  type TokenContext,
  type TrainOptions,
  train,
  withoutTiming,
} from 'bicot';
import { bullmq } from 'bicot/distributed';
import { exportWeights } from 'bicot/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FleetWorker, startWorker } from '../../support/fleet.js';
import { NO_REDIS, type RedisServer, startRedis } from '../../support/redis-server.js';
import { smallTask } from '../../support/small-task.js';
import { smallTransformer } from '../../support/small-transformer.js';

const SLOW = 120_000;
async function trained(more: Partial<TrainOptions<number, TokenContext>> = {}) {
  const policy = await smallTransformer();
  const before = tf.memory().numTensors;
  const metrics: StepMetrics[] = [];
  const options = {
    ...smallTask(policy),
    ...{ objective: balanced({ klWeight: 0.05, entropyWeight: 0.01 }), learningRate: 1e-2, ...more },
  };
  for await (const step of train(options)) metrics.push(withoutTiming(step.metrics) as StepMetrics);
  expect(tf.memory().numTensors).toBe(before);
  const weights = await exportWeights(policy.variables);
  policy.dispose();
  return { metrics, weights };
}

describe.skipIf(NO_REDIS)('training over a queue', () => {
  let redis: RedisServer;
  let alone: Awaited<ReturnType<typeof trained>>;
  beforeAll(async () => {
    redis = await startRedis();
    alone = await trained();
  }, SLOW);
  afterAll(() => redis.stop());

  it.each([1, 2, 4])(
    'gives the bits of one process with %i workers, and leaves no keys',
    async (count) => {
      const queue = `bits-${count}`;
      const workers = await Promise.all(
        Array.from({ length: count }, () => startWorker({ url: redis.url, queue, once: true })),
      );
      const said: string[] = [];
      const executor = bullmq({
        ...{ connection: redis.url, queue, tasks: ['sample', 'score', 'gradients', 'reward'] },
        say: (line) => said.push(line),
      });
      expect(await trained({ executor })).toEqual(alone);
      expect(await Promise.all(workers.map(({ ended }: FleetWorker) => ended))).toEqual(workers.map(() => 0));
      expect(await redis.client.keys('*')).toEqual([]);
    },
    SLOW,
  );

  it('does it with weights in a shared folder, and workers of one kind each', async () => {
    const queue = 'folder';
    const weightsFolder = mkdtempSync(join(tmpdir(), 'bicot-weights-'));
    const more = { url: redis.url, queue, weightsFolder, once: true };
    const workers = await Promise.all([
      startWorker({ ...more, kinds: ['rollout'] }),
      startWorker({ ...more, kinds: ['gradient', 'reward'] }),
    ]);
    const tasks: ExecutorTask[] = ['sample', 'score', 'gradients', 'reward'];
    const executor = bullmq({ connection: redis.url, queue, weightsFolder, tasks, say: () => {} });
    expect(await trained({ executor })).toEqual(alone);
    await Promise.all(workers.map(({ ended }) => ended));
    expect(readdirSync(weightsFolder)).toEqual([]);
    rmSync(weightsFolder, { recursive: true });
  });

  it('with rollouts of older weights is the same however many workers there are, and corrects for it', async () => {
    const stale = async (count: number) => {
      const queue = `stale-${count}`;
      const workers = await Promise.all(
        Array.from({ length: count }, () => startWorker({ url: redis.url, queue, once: true })),
      );
      const executor = bullmq({ connection: redis.url, queue, say: () => {} });
      const made = await trained({ executor, staleness: 1, steps: 4 });
      await Promise.all(workers.map(({ ended }) => ended));
      return made;
    };
    const [one, two] = [await stale(1), await stale(2)];
    expect(two).toEqual(one);
    const deviations = one.metrics.map(({ levels }) => levels.token?.maxRatioDeviation ?? 0);
    // The first two rollouts are of the first weights: on policy, then one update old.
    expect(deviations[0]).toBeLessThan(1e-4);
    for (const deviation of deviations.slice(1)) expect(deviation).toBeGreaterThan(1e-3);
    expect(one.metrics[0]).toEqual(alone.metrics[0]);
    expect(one.metrics[1]).not.toEqual(alone.metrics[1]);
    expect(await redis.client.keys('*')).toEqual([]);
  });

  it('drops a worker whose numbers are not finite where others are, and says so to both', async () => {
    const queue = 'broken';
    const broken = await startWorker({ url: redis.url, queue, kinds: ['gradient'], broken: true });
    const right = await startWorker({ url: redis.url, queue, once: true });
    await Promise.all([broken.says(/no run yet/), right.says(/no run yet/)]);
    const said: string[] = [];
    const executor = bullmq({ connection: redis.url, queue, say: (line) => said.push(line) });
    expect(await trained({ executor })).toEqual(alone);
    expect(said.join('\n')).toMatch(
      /dropped the worker .*: it gave numbers that are not finite where another/,
    );
    expect(await broken.ended).toBe(1);
    expect(broken.said()).toMatch(
      /the coordinator takes no results of this worker any more: it gave numbers/,
    );
    expect(await right.ended).toBe(0);
  });

  it('refuses staleness without an executor that keeps older weights', async () => {
    await expect(trained({ executor: inProcess(), staleness: 1 })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/staleness is 1, but there is no executor/),
    });
  });

  it('keeps what Redis holds bounded, however long the run is', async () => {
    const server = await startRedis();
    const queue = 'memory';
    const worker = await startWorker({ url: server.url, queue, once: true });
    const used = async (): Promise<number> =>
      Number(/used_memory_dataset:(\d+)/.exec(await server.client.info('memory'))?.[1]);
    const before = await used();
    const most: number[] = [];
    const policy = await smallTransformer();
    const executor = bullmq({ connection: server.url, queue, say: () => {} });
    const options = { ...smallTask(policy), objective: balanced({ klWeight: 0.05 }), learningRate: 1e-2 };
    for await (const { metrics } of train({ ...options, steps: 12, executor })) {
      most[metrics.step] = (await used()) - before;
    }
    policy.dispose();
    await worker.ended;
    // 12 steps hold what 3 hold, within what an allocator and a trimmed stream vary.
    const [early, late] = [Math.max(...most.slice(0, 4)), Math.max(...most.slice(8))];
    console.log(`Redis held ${most.map((bytes) => Math.round(bytes / 1024)).join(', ')} KiB after each step`);
    expect(late).toBeLessThan(1.5 * early + 100_000);
    expect(await server.client.keys('*')).toEqual([]);
    await server.stop();
  });
});
