import { beforeEach, describe, expect, it } from 'vitest';
import { keysOf } from '../wire/keys.js';
import type { JobKind, RunInfo } from '../wire/protocol.js';
import { type Dispatch, type DispatchTools, dispatch } from './dispatch.js';
import { type Work, workOf } from './work.js';

const run = { config: '0'.repeat(64), maxBytes: 2 ** 20, ttl: 60 } as RunInfo;
/** BullMQ's, as far as it matters: the jobs that are there, and what workers have of them. */
let queued: string[];
let active: Set<string>;
let backlogs: number[];
let unlinked: string[];
let slots: number;
let jobs: Dispatch;

const task = (payload: number): Promise<Work> => workOf({ task: 'sample', payload, units: 1 }, run);
const tasks = (count: number): Promise<Work[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => task(i)));

beforeEach(() => {
  [queued, active, backlogs, unlinked, slots] = [[], new Set(), [], [], 1];
  const queue = {
    async add(_: string, { backlog }: { backlog: number }, { jobId }: { jobId: string }) {
      if (!queued.includes(jobId)) queued.push(jobId);
      backlogs.push(backlog);
    },
    async remove(jobId: string) {
      if (active.has(jobId) || !queued.includes(jobId)) return 0;
      queued = queued.filter((one) => one !== jobId);
      return 1;
    },
    getJobState: async (jobId: string) => (active.has(jobId) ? 'active' : 'waiting'),
  };
  jobs = dispatch({
    redis: {
      set: async () => 'OK',
      expire: async () => 1,
      unlink: async (key: string) => unlinked.push(key),
    } as unknown as DispatchTools['redis'],
    ...{ keys: keysOf('dispatch'), run, slots: () => slots },
    queues: {
      of: () => queue,
      jobKey: (kind: JobKind, id: string) => `${kind}:${id}`,
    } as unknown as DispatchTools['queues'],
  });
});

describe('dispatch', () => {
  it('keeps two jobs in the queue for each worker, or for the first one to come; the rest waits', async () => {
    for (const work of await tasks(7)) jobs.wait(work, 'last');
    slots = 0;
    await jobs.fill('rollout');
    expect([queued.length, jobs.waiting()]).toEqual([2, 5]);
    slots = 3;
    await jobs.fill('rollout');
    expect([queued.length, jobs.waiting('rollout'), jobs.waiting('reward')]).toEqual([6, 1, 0]);
    // Of the last: six in the queue and one that waits, for three workers.
    expect(backlogs.at(-1)).toBeCloseTo(7 / 3);
  });

  it('does first what had its turn before, and never twice because of two reasons', async () => {
    const [a, b, c] = (await tasks(3)) as [Work, Work, Work];
    for (const work of [a, b]) jobs.wait(work, 'last');
    jobs.wait(c, 'first');
    jobs.wait(c, 'first');
    expect(jobs.waiting()).toBe(3);
    await jobs.fill('rollout');
    expect(queued).toEqual([`${c.id}-0`, `${a.id}-0`]);
  });

  it('makes no job of a task that was settled while it waited', async () => {
    const [a, b] = (await tasks(2)) as [Work, Work];
    for (const work of [a, b]) jobs.wait(work, 'last');
    a.settled = true;
    await jobs.fill('rollout');
    expect(queued).toEqual([`${b.id}-0`]);
  });

  it('gives each job of a task a name of its own, and puts one back under the one that it had', async () => {
    const work = await task(0);
    await jobs.giveOut(work);
    await jobs.giveOut(work);
    expect(jobs.jobs()).toEqual([
      [`${work.id}-0`, work],
      [`${work.id}-1`, work],
    ]);
    await jobs.put(work, `${work.id}-0`);
    expect(queued).toEqual([`${work.id}-0`, `${work.id}-1`]);
    expect(jobs.keys()).toContain(`rollout:${work.id}-1`);
  });

  it('what a worker has is an orphan until it is done with it', async () => {
    const work = await task(0);
    await jobs.giveOut(work);
    const jobId = `${work.id}-0`;
    active.add(jobId);
    jobs.forget(work, jobId);
    expect(jobs.taskOf(jobId)).toBeUndefined();
    expect(work.jobs.size).toBe(0);
    await jobs.takeBack(jobId, 'rollout', 'a');
    expect(unlinked).toEqual([keysOf('dispatch').result(jobId, 'a')]);
    expect(jobs.isOrphan(jobId)).toBe(true);
    await jobs.takeBackOrphans();
    expect(queued).toEqual([jobId]);
    active.clear();
    await jobs.takeBackOrphans();
    expect([queued, jobs.isOrphan(jobId)]).toEqual([[], false]);
  });
});
