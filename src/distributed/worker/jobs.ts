import type { Redis } from 'ioredis';
import { isBicotError } from '../../errors.js';
import { postedError } from '../../parallel/errors.js';
import type { FetchedWeights } from '../weights/fetch.js';
import { jobDataOf } from '../wire/check.js';
import { decode, encode } from '../wire/codec.js';
import type { Keys } from '../wire/keys.js';
import { pack, unpack } from '../wire/packed.js';
import { type JobAnswer, type JobData, type JobKind, type RunInfo, taskOf } from '../wire/protocol.js';
import type { Computer } from './compute.js';

/** What a worker does jobs with. */
export interface JobTools {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly run: RunInfo;
  /** Of the worker. */
  readonly id: string;
  readonly kinds: readonly JobKind[];
  readonly weights: FetchedWeights;
  readonly computer: Computer;
}

/** What came of a job, and what it took. */
export interface DoneJob {
  readonly answer: JobAnswer;
  readonly kind: JobKind | undefined;
  readonly units: number;
  /** Tasks for each worker of the fleet when it was queued. */
  readonly backlog: number;
  readonly computeSeconds: number;
  readonly transferSeconds: number;
}

/** Long messages are cut. */
const cut = (text: string): string => text.slice(0, 10_000);

/**
 * Does one job and leaves its result in Redis. Doing it twice does no harm.
 * @param jobId BullMQ's
 * @param queued its data, as anybody may have written it
 * @throws only what Redis throws
 */
export async function doJob(tools: JobTools, jobId: string, queued: unknown): Promise<DoneJob> {
  const { redis, keys, run, id: worker } = tools;
  const start = performance.now();
  let computeSeconds = 0;
  let data: JobData | undefined;
  const finish = (answer: JobAnswer): DoneJob => ({
    ...{ answer, kind: data?.kind, units: data?.units ?? 0, backlog: data?.backlog ?? 0, computeSeconds },
    transferSeconds: (performance.now() - start) / 1000 - computeSeconds,
  });
  const said = () => ({ worker, seconds: computeSeconds });
  try {
    data = jobDataOf(queued);
  } catch (error) {
    return finish({ kind: 'refused', ...said(), reason: cut((error as Error).message) });
  }
  const reason = refusalOf(data, tools);
  if (reason) return finish({ kind: 'refused', ...said(), reason });
  const most = { most: run.maxBytes };
  let payload: unknown;
  let weights: SharedArrayBuffer | undefined;
  try {
    const stored = await redis.getBuffer(keys.payload(taskOf(jobId)));
    if (!stored) return finish({ kind: 'lost', ...said(), reason: 'its payload is not there' });
    payload = decode(await unpack(stored, data.payload, { ...most, what: 'the payload of a job' }));
    weights = data.weights && (await tools.weights.fetch(data.weights.version));
  } catch (error) {
    if (!isBicotError(error)) throw error;
    return finish({ kind: 'lost', ...said(), reason: cut(error.message) });
  }
  try {
    const done = await tools.computer.compute(data, payload, weights);
    computeSeconds = done.seconds;
    const packed = await pack(encode(done.result), { ...most, what: 'the result of a job' });
    const key = keys.result(jobId, worker);
    await redis.set(key, packed.stored, 'EX', run.ttl);
    const { sha256, bytes, raw } = packed;
    return finish({ kind: 'done', ...said(), key, result: { sha256, bytes, raw } });
  } catch (error) {
    const { name, message, stack, code } = postedError(error);
    const posted = { name: name.slice(0, 300), message: cut(message), ...(stack && { stack: cut(stack) }) };
    return finish({ kind: 'failed', ...said(), error: { ...posted, ...(code && { code }) } });
  }
}

/** Why a worker does not do such a job. */
function refusalOf({ config, kind }: JobData, { run, kinds }: JobTools): string | undefined {
  if (config !== run.config) {
    return `it is of the configuration ${config.slice(0, 12)}, and this worker has ${run.config.slice(0, 12)}`;
  }
  return kinds.includes(kind) ? undefined : `it is of the kind '${kind}', which this worker does not do`;
}
