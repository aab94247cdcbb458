import { isBicotError } from '../../errors.js';
import { receivedError } from '../../parallel/errors.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import type { Keys } from '../wire/keys.js';
import { type JobAnswer, jobIdOf } from '../wire/protocol.js';
import { suspectAfter } from './finite.js';
import { inspect, type Results } from './inspect.js';
import type { Work } from './work.js';

/** What is to be done about an answer. */
export type Verdict = {
  /** A worker that is wrong: no results of it are taken any more. */
  readonly drop?: { readonly worker: string; readonly reason: string };
} & (
  | { readonly kind: 'counts'; readonly value: Results[ExecutorTask]; readonly key: string }
  /** The job is given out again. */
  | { readonly kind: 'again'; readonly why: string; readonly weightsLost?: boolean }
  /** The task throws that wherever it is done. */
  | { readonly kind: 'throws'; readonly error: Error }
);

/** What answers are judged with. */
export interface Court {
  readonly keys: Pick<Keys, 'result'>;
  /** Bytes that a result may have. */
  readonly maxBytes: number;
  /** What a worker left under a key, if it is there. */
  readonly stored: (key: string) => Promise<Uint8Array | null>;
  /** Whether another worker than this one takes such jobs. */
  readonly hasOthers: (worker: string) => boolean;
}

/** Times that a task may throw on one worker where others are there, who might fare better, and where none are. */
const MOST_THROWS = { others: 4, alone: 1 };

/**
 * Judges what a worker says of a job, and remembers in the task what speaks against the worker.
 * @throws only what `stored` throws
 */
export async function judge(work: Work, answer: JobAnswer, court: Court): Promise<Verdict> {
  const { worker } = answer;
  switch (answer.kind) {
    case 'lost':
      return { kind: 'again', why: 'payload or weights lost', weightsLost: true };
    case 'refused': {
      const reason = `it refused a job: ${answer.reason}`;
      return { kind: 'again', why: 'refused', drop: { worker, reason } };
    }
    case 'failed':
      return onError(work, worker, receivedError(answer.error), court.hasOthers(worker));
    case 'done':
      return onResult(work, answer, court);
  }
}

/** What a task throws on two workers, or on one again, it throws everywhere. */
function onError(work: Work, worker: string, error: Error, others: boolean): Verdict {
  work.failures.push({ worker, error });
  const tried = new Set(work.failures.map((one) => one.worker)).size;
  const most = others ? MOST_THROWS.others : MOST_THROWS.alone;
  const isSure = tried > 1 || work.failures.length > most;
  return isSure ? { kind: 'throws', error } : { kind: 'again', why: 'failed' };
}

async function onResult(
  work: Work,
  { worker, result, key }: JobAnswer & { readonly kind: 'done' },
  { keys, maxBytes, stored, hasOthers }: Court,
): Promise<Verdict> {
  // Of this task, whichever of its jobs it was.
  const isOwn = [...Array(work.attempt).keys()].some(
    (attempt) => key === keys.result(jobIdOf(work.id, attempt), worker),
  );
  const bytes = isOwn ? await stored(key) : null;
  if (!bytes) return { kind: 'again', why: 'result lost' };
  let inspected: Awaited<ReturnType<typeof inspect>>;
  try {
    inspected = await inspect(work.task, bytes, result, maxBytes);
  } catch (error) {
    if (!isBicotError(error)) throw error;
    const reason = error.message.replace(/^distributed: /, '');
    return { kind: 'again', why: 'damaged result', drop: { worker, reason } };
  }
  const { value, nonFinite } = inspected;
  const counts = { kind: 'counts', value, key } as const;
  if (nonFinite === undefined) return { ...counts, ...exposed(work, worker) };
  const suspect = suspectAfter(work.suspect, { worker, sha256: result.sha256 }, hasOthers(worker));
  if (!suspect) return counts;
  work.suspect = suspect;
  return { kind: 'again', why: `not finite: ${nonFinite}` };
}

/** Finite numbers of one worker tell that the memory or the device of another is at fault. */
function exposed({ suspect }: Work, worker: string): Pick<Verdict, 'drop'> {
  if (!suspect || suspect.worker === worker) return {};
  const reason = 'it gave numbers that are not finite where another worker gave finite ones';
  return { drop: { worker: suspect.worker, reason } };
}
