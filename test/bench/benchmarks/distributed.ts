import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  type Executor,
  type SampleRequest,
  sampleCompletions,
  type TokenContext,
  uniformStream,
} from 'bicot';
import { bullmq, watchFleet } from 'bicot/distributed';
import { NO_REDIS, startRedis } from '../../support/redis-server.js';
import { prompt } from '../../support/small-task.js';
import { slowPolicy } from '../hosts/slow-policy.js';
import type { Result } from '../results.js';
import type { SizeName } from '../sizes.js';
import type { Bench } from './bench.js';

/** Milliseconds that a sample takes. */
const COST = 100;
const ROWS_PER_TASK = 8;
const WORKERS = [1, 2, 4];

/** Rollouts of samples that take a time of their own, over a queue in Redis, with more and more worker processes. */
export async function benchDistributed(bench: Bench, size: SizeName): Promise<Result> {
  const rows = size === 'tiny' ? 64 : 256;
  const variants = ['one process', ...WORKERS.map((count) => `${count} worker${count > 1 ? 's' : ''}`)].map(
    (name) => ({ name, rounds: [] as number[] }),
  );
  const comparison = {
    title: `${rows} samples of ${COST} ms, ${ROWS_PER_TASK} a job`,
    ...{ unit: 'ms' as const, variants },
  };
  if (NO_REDIS) {
    return { benchmark: 'distributed', size, comparisons: [], skipped: [{ name: 'all', reason: NO_REDIS }] };
  }
  const policy = await slowPolicy(COST);
  const request: SampleRequest<TokenContext> = {
    contexts: Array.from({ length: rows / 4 }, (_, i) => prompt(4 + (i % 12))),
    samplesPerContext: 4,
    ...{ space: 'image', sampling: {}, streams: (row) => uniformStream('fleet bench', row) },
  };
  const redis = await startRedis();
  const host = fileURLToPath(new URL('../hosts/fleet-worker.ts', import.meta.url));
  const workers: ChildProcess[] = [];
  const start = (queue: string): ChildProcess => {
    const args = ['--import', import.meta.resolve('tsx'), host, redis.url, queue, String(COST)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    workers.push(child);
    return child;
  };
  const executors: Executor<TokenContext>[] = [];
  try {
    const wanted = await sampleCompletions(policy, { ...request, contexts: request.contexts.slice(0, 2) });
    for (const count of WORKERS) {
      const queue = `bench-${count}`;
      const settings = { connection: redis.url, queue, config: 'bench', rowsPerTask: ROWS_PER_TASK };
      executors.push(await bullmq({ ...settings, tasks: ['sample'] }).start(policy));
      for (let i = 0; i < count; i++) start(queue);
      const fleet = await watchFleet(redis.url, queue);
      while ((await fleet.look()).workers.filter((one) => one.config !== undefined).length < count)
        await new Promise((done) => setTimeout(done, 200));
      fleet.close();
      const got = await (executors.at(-1) as Executor<TokenContext>).sample(policy, {
        ...{ ...request, contexts: request.contexts.slice(0, 2) },
      });
      if (!got.completion.ids.every((id, i) => id === wanted.completion.ids[i]))
        throw new Error('Other tokens.');
    }
    for (let round = 0; round < bench.rounds; round++) {
      variants[0]?.rounds.push(await time(() => sampleCompletions(policy, request)));
      for (const [i, { sample }] of executors.entries())
        variants[i + 1]?.rounds.push(await time(() => sample(policy, request)));
    }
  } finally {
    await Promise.all(executors.map((one) => one.dispose()));
    for (const worker of workers) worker.kill('SIGTERM');
    // Before their Redis goes, for which they would wait.
    await Promise.all(
      workers.map((worker) => worker.exitCode === null && new Promise((done) => worker.once('exit', done))),
    );
    await redis.stop();
  }
  return { benchmark: 'distributed', size, comparisons: [comparison], skipped: [] };
}

async function time(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return Number((performance.now() - start).toPrecision(5));
}
