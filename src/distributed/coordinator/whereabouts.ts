import type { Redis } from 'ioredis';
import type { Keys } from '../wire/keys.js';
import type { Queues } from './queues.js';
import type { Work } from './work.js';

/** Where a job is. */
export type Whereabouts =
  /** It is done: what a worker said, for `readSaid`. */
  | { readonly kind: 'over'; readonly said: unknown }
  /** BullMQ gave it up. */
  | { readonly kind: 'given up'; readonly reason: string }
  | { readonly kind: 'waits' }
  | { readonly kind: 'held'; readonly by: string }
  /** Redis does not know it. */
  | { readonly kind: 'gone' }
  /** Between two of these, or taken by somebody who is not named: the next look will tell. */
  | { readonly kind: 'unclear' };

/** Looks for a job in Redis. Events may be lost, with a connection or with Redis itself; this finds what they told. */
export async function whereaboutsOf(
  work: Pick<Work, 'id' | 'kind'>,
  jobId: string,
  {
    redis,
    keys,
    queues,
  }: {
    readonly redis: Pick<Redis, 'get'>;
    readonly keys: Pick<Keys, 'answer'>;
    readonly queues: Pick<Queues, 'of'>;
  },
): Promise<Whereabouts> {
  const answer = await redis.get(keys.answer(work.id));
  if (answer !== null) return { kind: 'over', said: answer };
  const queue = queues.of(work.kind);
  const state = await queue.getJobState(jobId);
  if (state === 'unknown') return { kind: 'gone' };
  if (state === 'waiting') return { kind: 'waits' };
  const job = await queue.getJob(jobId);
  if (state === 'completed') return { kind: 'over', said: job?.returnvalue };
  if (state === 'failed') return { kind: 'given up', reason: job?.failedReason ?? 'no reason given' };
  const by = state === 'active' ? job?.processedBy : undefined;
  return by ? { kind: 'held', by } : { kind: 'unclear' };
}
