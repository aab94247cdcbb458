import { randomBytes } from 'node:crypto';
import { backendTraits } from '../backends/traits.js';
import { patiently, sleep } from '../backoff.js';
import { BicotError } from '../errors.js';
import type { Executor, ExecutorSource, ExecutorStart } from '../parallel/executor.js';
import { weightLayout } from '../parallel/shared-weights.js';
import type { Policy } from '../policy/policy.js';
import { VERSION } from '../version.js';
import { configHash } from './config-hash.js';
import { type Client, connect, loadPackages } from './connection.js';
import { type Board, board } from './coordinator/board.js';
import { overBoard } from './coordinator/executor.js';
import { type Lease, takeLease } from './coordinator/lease.js';
import { type BullMqOptions, type BullMqSettings, bullMqSettings } from './coordinator/options.js';
import { sweep, workersLeft } from './coordinator/sweep.js';
import { type PublishedWeights, publishedWeights } from './weights/publish.js';
import { folderStore, redisStore } from './weights/store.js';
import { type Keys, keysOf } from './wire/keys.js';
import { megabytes } from './wire/packed.js';
import { kindOf, PROTOCOL, type RunInfo } from './wire/protocol.js';

/**
 * Rollouts, scores, gradients and rewards by workers on any number of machines, over a queue of BullMQ in Redis or Valkey:
 * `train({ executor: bullmq({ connection, queue }) })` here, `npx bicot worker` there.
 *
 * On one backend the result is that of this process alone, to the bit, whichever workers come and go: how rows are cut does
 * not depend on them, a job is a pure function of its content, and each result counts once. A worker that is lost loses
 * nothing; without any, the run waits. A run that was killed goes on from its checkpoint, with the jobs that are still in
 * the queue.
 * @throws BicotError right away `value` for options; when the training starts `worker` if Redis can't be reached or another
 * coordinator has the queue, `unsupported` without the packages bullmq and ioredis
 */
export function bullmq(options: BullMqOptions): ExecutorSource {
  const settings = bullMqSettings(options);
  return { name: 'bullmq', start: (policy, start) => startFleet(policy, settings, start) };
}

/** Seconds that may pass until Redis is cleaned up; beyond, keys vanish by themselves. */
const CLEANING = 20;

async function startFleet<C>(
  policy: Policy<C>,
  settings: BullMqSettings,
  { signal }: ExecutorStart = {},
): Promise<Executor<C>> {
  const { connection, say, tasks, maxBytes, weightsFolder } = settings;
  const layout = weightLayout(policy.variables);
  const bytes = 4 * layout.reduce((sum, { size }) => sum + size, 0);
  if (tasks.includes('gradients') && bytes > maxBytes) {
    throw new BicotError(
      'unsupported',
      `bullmq: the gradients of this policy have ${megabytes(bytes)}, and a result may have ${megabytes(maxBytes)} (maxBytes). Train adapters, or compute gradients in this process: tasks: ['sample', 'score'].`,
    );
  }
  const packages = await loadPackages();
  const keys = keysOf(settings.queue);
  const life = randomBytes(8).toString('hex');
  const client = await connect(packages, connection, say);
  let lease: Lease | undefined;
  try {
    lease = await takeLease(client.redis, keys, life, { say, signal });
    const run: RunInfo = {
      ...{ protocol: PROTOCOL, bicot: VERSION, life, layout },
      config: await configHash(settings.config, policy, layout),
      backends: settings.backends ?? [backendTraits().name],
      kinds: [...new Set(tasks.map(kindOf))],
      weights: weightsFolder === undefined ? 'redis' : 'folder',
      ...{ stalledAfter: settings.stalledAfter, maxBytes, ttl: settings.ttl },
    };
    const store = weightsFolder
      ? await folderStore(weightsFolder)
      : redisStore(client.redis, keys, settings.ttl);
    const weights = publishedWeights(store, layout, maxBytes);
    const { waitForWorkers } = settings;
    const own = board({
      ...{ packages, connection, redis: client.redis, keys, run, weights, waitForWorkers, say },
    });
    const fleet: Fleet = { client, keys, run, board: own, weights, lease, say };
    await announce(fleet);
    const stop = looking(fleet);
    const executor = overBoard({ policy, settings, board: own, weights });
    let ending: Promise<void> | undefined;
    // Not a spread: how many workers there are is asked each time.
    return Object.defineProperties({} as Executor<C>, {
      ...Object.getOwnPropertyDescriptors(executor),
      dispose: {
        enumerable: true,
        value: () => {
          ending ??= end(fleet, stop);
          return ending;
        },
      },
    });
  } catch (error) {
    await lease?.release().catch(() => {});
    client.close();
    throw error;
  }
}

interface Fleet {
  readonly client: Client;
  readonly keys: Keys;
  readonly run: RunInfo;
  readonly board: Board;
  readonly weights: PublishedWeights;
  readonly lease: Lease;
  readonly say: (line: string) => void;
  /** Why the queue is another's now; then nothing in it is touched any more. */
  lost?: string | undefined;
}

async function announce({ client: { redis }, keys, run, board: own }: Fleet): Promise<void> {
  await redis.set(keys.run, JSON.stringify(run), 'EX', run.ttl);
  await redis.set(keys.stats, JSON.stringify(own.stats()), 'EX', 60);
}

/** Looks after the run once a second. @returns stops it */
function looking(fleet: Fleet): () => Promise<void> {
  const abort = new AbortController();
  const every = Math.min(1000, 250 * fleet.run.stalledAfter);
  const loop = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      await sleep(every, abort.signal);
      if (abort.signal.aborted) return;
      try {
        fleet.lost = await fleet.lease.renew();
        if (fleet.lost) {
          throw new BicotError(
            'worker',
            `distributed: ${fleet.lost}. This run ends; nothing of it is counted twice.`,
          );
        }
        await announce(fleet);
        await fleet.board.watch();
      } catch (error) {
        if (abort.signal.aborted) return;
        fleet.board.stop(error instanceof Error ? error : new Error(String(error)));
        return;
      }
    }
  };
  const ended = loop();
  return async () => {
    abort.abort();
    await ended;
  };
}

async function end(fleet: Fleet, stop: () => Promise<void>): Promise<void> {
  const { client, keys, run, say } = fleet;
  fleet.board.stop(
    new BicotError('worker', 'bullmq: this executor was disposed. Make a new one for another training.'),
  );
  const clean = async (): Promise<true> => {
    await stop();
    if (fleet.lost) return true;
    await client.redis.del(keys.run);
    await workersLeft(client.redis, keys, run.config, 10);
    await fleet.weights.clear();
    await fleet.board.close(true);
    await sweep(client.redis, keys);
    await fleet.lease.release();
    return true;
  };
  try {
    if (!(await patiently(clean(), { milliseconds: 1000 * CLEANING }))) {
      say(
        `distributed: ${client.address} did not answer for ${CLEANING} s: what the run left there vanishes by itself.`,
      );
    }
  } finally {
    client.close();
    void fleet.board.close(false).catch(() => {});
  }
}
