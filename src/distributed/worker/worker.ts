import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { backendTraits } from '../../backends/traits.js';
import { patiently, sleep } from '../../backoff.js';
import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import { weightLayout } from '../../parallel/shared-weights.js';
import { VERSION } from '../../version.js';
import { configHash } from '../config-hash.js';
import { bullConnection, connect, loadPackages, type Packages, type RedisConnection } from '../connection.js';
import { fetchedWeights } from '../weights/fetch.js';
import { folderStore, redisStore } from '../weights/store.js';
import { runInfoOf } from '../wire/check.js';
import { type Keys, keysOf } from '../wire/keys.js';
import { JOB_KINDS, type JobKind, MOST_STALLS, type RunInfo, type WorkerInfo } from '../wire/protocol.js';
import { type Computer, computer, type WorkerParts } from './compute.js';
import { doJob } from './jobs.js';
import { keepsOf } from './keeps.js';
import { BEAT, presence } from './presence.js';
import { refusalOfRun } from './refusal.js';

/** How a worker is made. */
export interface RunWorkerOptions<P = never, C = never> {
  /** Redis or Valkey. */
  readonly connection: RedisConnection;
  /** The queue's name, as the coordinator has it. */
  readonly queue: string;
  /** Makes the policy, and the reward if this worker computes rewards, with the backend running. Called once. */
  readonly setup: () => Promise<WorkerParts<P, C>>;
  /** What the coordinator has as `config`. Default: the policy's recipe. */
  readonly config?: unknown;
  /** What it does. Default: all that it has the parts for. */
  readonly kinds?: readonly JobKind[];
  /** Where a run that shares its weights in a folder has them, as this machine sees it. Default: as the run says. */
  readonly weightsFolder?: string;
  /** The device, in words, for `bicot watch`. Default: the backend's name. */
  readonly device?: string;
  /** Ends when the run does that it worked for, and does not wait for another. Default false. */
  readonly once?: boolean;
  /** Drains: the jobs under way are finished, and no other is taken. */
  readonly signal?: AbortSignal;
  /** Told what happens. Default: lines on the standard error stream. */
  readonly say?: (line: string) => void;
}

/** For what nothing is lost by: a Redis that is away keeps no worker from ending. */
const BRIEFLY = { milliseconds: 2000 };

const OPTIONS: readonly string[] = [
  ...(['connection', 'queue', 'setup', 'config', 'kinds', 'weightsFolder', 'device', 'once'] as const),
  ...(['signal', 'say'] as const),
] satisfies (keyof RunWorkerOptions)[];

/**
 * Works for the runs of a queue until it is told to drain. Made parts are disposed in the end.
 * @throws BicotError `worker` if Redis can't be reached, the run does not fit what this worker has, or the coordinator does not
 * take its results any more; `value`; `unsupported` without BullMQ; what the setup throws
 */
export async function runWorker<P, C>(options: RunWorkerOptions<P, C>): Promise<void> {
  assertKnownOptions('runWorker', options, OPTIONS);
  const { connection, queue, say = (line) => void process.stderr.write(`${line}\n`) } = options;
  const keys = keysOf(queue);
  const packages = await loadPackages();
  const client = await connect(packages, connection, say);
  try {
    const parts = await options.setup();
    try {
      const worker = await workerOf(options, parts, { packages, keys, redis: client.redis, say });
      say(
        `${worker.id}: ${worker.kinds.join(', ')} on ${worker.device}, queue ${queue} at ${client.address}.`,
      );
      await worker.work();
    } finally {
      parts.policy.dispose?.();
    }
  } finally {
    client.close();
  }
}

interface Surroundings {
  readonly packages: Packages;
  readonly keys: Keys;
  readonly redis: Redis;
  readonly say: (line: string) => void;
}

interface Worker {
  readonly id: string;
  readonly kinds: readonly JobKind[];
  readonly device: string;
  work(): Promise<void>;
}

async function workerOf<P, C>(
  options: RunWorkerOptions<P, C>,
  parts: WorkerParts<P, C>,
  surroundings: Surroundings,
): Promise<Worker> {
  const { redis, keys, say } = surroundings;
  const layout = weightLayout(parts.policy.variables);
  const config = await configHash(options.config, parts.policy, layout);
  const own = computer(parts, layout);
  const kinds = kindsOf(options.kinds, own);
  const id = `${hostname()
    .replace(/[^\w.-]/g, '-')
    .slice(0, 40)}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const { name: backend } = backendTraits();
  const device = options.device ?? backend;
  const done: Partial<Record<JobKind, number>> = {};
  const speed: Partial<Record<JobKind, number>> = {};
  const state = {
    config: undefined as string | undefined,
    refused: undefined as string | undefined,
    keeps: 1,
  };
  const info = (): WorkerInfo => ({
    ...{ id, host: hostname(), pid: process.pid, device, backend, kinds, bicot: VERSION, done, speed },
    ...{ ...state, draining: options.signal?.aborted ?? false },
  });
  const signs = presence(redis, keys, id, info);
  const untilDrained = { signal: options.signal };

  const runNow = async (): Promise<RunInfo | undefined> => {
    const text = await redis.get(keys.run);
    return text === null ? undefined : runInfoOf(text);
  };

  const look = async (): Promise<{ readonly dropped?: string; readonly run?: RunInfo }> => {
    await signs.tell();
    const dropped = await redis.hget(keys.dropped, id);
    return dropped === null ? { run: await runNow() } : { dropped };
  };

  /** Until the run is over, another, or the worker drains. */
  const serve = async (run: RunInfo): Promise<void> => {
    const store = options.weightsFolder
      ? await folderStore(options.weightsFolder)
      : redisStore(redis, keys, run.ttl);
    const weights = fetchedWeights(store, layout, { maxBytes: run.maxBytes });
    const tools = { redis, keys, run, id, kinds, weights, computer: own };
    const mine = kinds.filter((kind) => run.kinds.includes(kind));
    const told = throttled(say);
    let busy = 0;
    const takers = mine.map((kind) => {
      const taker = new surroundings.packages.bullmq.Worker(
        keys.queue(kind, config),
        async (job) => {
          busy++;
          const made = await doJob(tools, job.id as string, job.data).finally(() => busy--);
          if (made.answer.kind === 'done' && made.kind) {
            done[made.kind] = (done[made.kind] ?? 0) + 1;
            const now = made.units / Math.max(1e-6, made.computeSeconds);
            speed[made.kind] =
              speed[made.kind] === undefined ? now : 0.7 * (speed[made.kind] as number) + 0.3 * now;
            taker.concurrency = keepsOf(made);
            state.keeps = taker.concurrency;
          } else if (made.answer.kind === 'failed') {
            say(`a ${made.kind} job failed: ${made.answer.error.message}`);
          } else if (made.answer.kind !== 'done') {
            say(`a job was not done: ${made.answer.reason}`);
          }
          return made.answer;
        },
        {
          connection: bullConnection(options.connection),
          ...{
            prefix: keys.prefix,
            name: id,
            concurrency: 1,
            maxStalledCount: MOST_STALLS,
            runRetryDelay: 500,
          },
          ...{
            lockDuration: run.stalledAfter * 1000,
            stalledInterval: Math.max(500, run.stalledAfter * 500),
          },
        },
      );
      taker.on('error', (error) => told(error.message));
      return taker;
    });
    state.config = config;
    let dropped: string | undefined;
    try {
      while (!options.signal?.aborted) {
        const now = await patiently(look(), untilDrained);
        dropped = now?.dropped;
        if (dropped !== undefined) break;
        if (now?.run?.config !== run.config || now.run.stalledAfter !== run.stalledAfter) break;
        await sleep(BEAT * 500, options.signal);
      }
      if (options.signal?.aborted) {
        say('draining: what is under way is finished, nothing else is taken.');
        await patiently(signs.tell(), BRIEFLY);
      }
      // Signs of life go on while the last jobs are done.
      const beat = setInterval(() => void signs.tell().catch(() => {}), BEAT * 1000);
      try {
        const closed = Promise.all(takers.map((taker) => taker.close(dropped !== undefined)));
        await (busy > 0 ? closed : patiently(closed, BRIEFLY));
      } finally {
        clearInterval(beat);
      }
    } finally {
      state.config = undefined;
      await patiently(Promise.allSettled(takers.map((taker) => taker.close(true))), BRIEFLY);
    }
    if (dropped !== undefined) {
      throw new BicotError(
        'worker',
        `distributed: the coordinator takes no results of this worker any more: ${dropped}. Look into this machine (memory, disk, driver) before you start it again.`,
      );
    }
  };

  const work = async (): Promise<void> => {
    let waiting = false;
    while (!options.signal?.aborted) {
      const run = await patiently(runNow(), untilDrained);
      if (options.signal?.aborted) return;
      if (run) {
        const reason = refusalOfRun(run, { config, backend, hasFolder: options.weightsFolder !== undefined });
        if (reason) {
          state.refused = reason;
          await signs.tell();
          throw new BicotError('worker', `distributed: ${reason}`);
        }
        say(`works for the run ${run.config.slice(0, 12)}.`);
        await serve(run);
        if (options.signal?.aborted) return;
        say('the run is over.');
        if (options.once) return;
        waiting = false;
        continue;
      }
      if (!waiting) say('no run yet: waiting for one.');
      waiting = true;
      await patiently(signs.tell(), untilDrained);
      await sleep(BEAT * 500, options.signal);
    }
  };

  return {
    ...{ id, kinds, device },
    async work() {
      try {
        await work();
      } finally {
        // Signs that can't be taken away vanish by themselves.
        await patiently(
          signs.leave().catch(() => {}),
          BRIEFLY,
        );
      }
    },
  };
}

function kindsOf(asked: readonly JobKind[] | undefined, own: Computer): readonly JobKind[] {
  if (asked === undefined) return own.kinds;
  const wrong = asked.find((kind) => !JOB_KINDS.includes(kind));
  if (wrong !== undefined || asked.length === 0) {
    throw new BicotError(
      'value',
      `runWorker: kinds is ${JSON.stringify(asked)}, but must be a list of some of ${JOB_KINDS.join(', ')}.`,
    );
  }
  const lacking = asked.find((kind) => !own.kinds.includes(kind));
  if (lacking === undefined) return [...new Set(asked)];
  throw new BicotError('value', `runWorker: kinds has '${lacking}', but the setup gives no ${lacking}.`);
}

/** The same words are said once in ten seconds. */
function throttled(say: (line: string) => void): (line: string) => void {
  const said = new Map<string, number>();
  return (line) => {
    const now = performance.now();
    if (now - (said.get(line) ?? Number.NEGATIVE_INFINITY) < 10_000) return;
    said.set(line, now);
    say(line);
  };
}
