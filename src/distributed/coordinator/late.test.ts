import { describe, expect, it } from 'vitest';
import type { WorkerInfo } from '../wire/protocol.js';
import { keepsOf } from '../worker/keeps.js';
import { isLate, wantsSecond } from './late.js';
import type { Work } from './work.js';

it('a job is late when an idle worker would be done with it first, and not before', () => {
  const job = { elapsed: 100, units: 10, speed: 1, idle: [1] };
  expect(isLate(job)).toBe(true);
  expect(isLate({ ...job, elapsed: 39 })).toBe(false);
  expect(isLate({ ...job, idle: [] })).toBe(false);
  expect(isLate({ ...job, idle: [undefined] })).toBe(false);
  // A slow worker has its time, measured by its own speed.
  expect(isLate({ ...job, speed: 0.1 })).toBe(false);
  expect(isLate({ ...job, elapsed: 1, units: 1, speed: 1000, idle: [1000] })).toBe(false);
});

it('a worker keeps several jobs where that hides the transfer and leaves the others theirs', () => {
  const job = { backlog: 8, transferSeconds: 0.01, computeSeconds: 1 };
  expect(keepsOf(job)).toBe(1);
  expect(keepsOf({ ...job, transferSeconds: 0.5 })).toBe(2);
  expect(keepsOf({ ...job, transferSeconds: 2.5 })).toBe(4);
  expect(keepsOf({ ...job, transferSeconds: 100 })).toBe(4);
  expect(keepsOf({ ...job, transferSeconds: 0.5, backlog: 1 })).toBe(1);
  expect(keepsOf({ ...job, transferSeconds: 0.5, backlog: 0 })).toBe(1);
  expect(keepsOf({ ...job, computeSeconds: 0 })).toBe(1);
});

describe('wantsSecond', () => {
  const held = (jobs: Readonly<Record<string, string | undefined>>): Work =>
    ({
      ...{ kind: 'rollout', data: { units: 10 } },
      jobs: new Map(Object.entries(jobs).map(([id, by]) => [id, by ? { taken: { by, since: 0 } } : {}])),
    }) as unknown as Work;
  const worker = (id: string, speed?: number): WorkerInfo =>
    ({ id, speed: { rollout: speed } }) as unknown as WorkerInfo;
  const slow = held({ 's-0': 'a' });
  const ask = (work: Work, others: readonly (readonly [string, Work])[], elapsed = 100) =>
    wantsSecond(work, 's-0', {
      ...{ elapsed, jobs: [['s-0', work], ...others], working: [worker('a', 1), worker('b', 1)] },
    });

  it('says yes where a worker is idle and the job is late, and no before', () => {
    expect(ask(slow, [])).toBe(true);
    expect(ask(slow, [], 39)).toBe(false);
  });

  it('says no where all have work, a job of the kind waits, or the task has two already', () => {
    expect(ask(slow, [['t-0', held({ 't-0': 'b' })]])).toBe(false);
    expect(ask(slow, [['t-0', held({ 't-0': undefined })]])).toBe(false);
    expect(ask(held({ 's-0': 'a', 's-1': undefined }), [])).toBe(false);
  });

  it('does not mind what waits of another kind', () => {
    const reward = { ...held({ 't-0': undefined }), kind: 'reward' } as Work;
    expect(ask(slow, [['t-0', reward]])).toBe(true);
  });
});
