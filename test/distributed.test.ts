/** Trainings over a queue in a real Redis, with workers in processes of their own. */
import * as tf from '@tensorflow/tfjs';
import {
  balanced,
  type StepMetrics,
  type TokenContext,
  type TrainOptions,
  train,
  withoutTiming,
} from 'bicot';
import { bullmq } from 'bicot/distributed';
import { exportWeights } from 'bicot/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FleetWorker, startWorker } from './support/fleet.js';
import { NO_REDIS, type RedisServer, startRedis } from './support/redis-server.js';
import { smallTask } from './support/small-task.js';
import { smallTransformer } from './support/small-transformer.js';

const SLOW = 120_000;
if (NO_REDIS) console.log(`skip distributed: ${NO_REDIS}`);

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
});
