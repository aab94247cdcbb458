import { expect, it } from 'vitest';
import { keysOf } from '../wire/keys.js';
import { whereaboutsOf } from './whereabouts.js';

const work = { id: 'task', kind: 'rollout' } as const;
const look = (state: string, job: object | undefined, answer: string | null = null) =>
  whereaboutsOf(work, 'task-0', {
    ...{ redis: { get: async () => answer } as never, keys: keysOf('where') },
    queues: { of: () => ({ getJobState: async () => state, getJob: async () => job }) } as never,
  });

it.each([
  ['waiting', {}, { kind: 'waits' }],
  ['active', { processedBy: 'a' }, { kind: 'held', by: 'a' }],
  ['active', {}, { kind: 'unclear' }],
  ['active', undefined, { kind: 'unclear' }],
  ['delayed', {}, { kind: 'unclear' }],
  ['completed', { returnvalue: { kind: 'done' } }, { kind: 'over', said: { kind: 'done' } }],
  ['failed', { failedReason: 'stalled' }, { kind: 'given up', reason: 'stalled' }],
  ['failed', undefined, { kind: 'given up', reason: 'no reason given' }],
  ['unknown', undefined, { kind: 'gone' }],
])('a job that is %s, %j', async (state, job, found) => {
  expect(await look(state, job)).toEqual(found);
});

it('a task has an answer though BullMQ took its job from the worker that gave it', async () => {
  expect(await look('waiting', {}, '{"kind":"done"}')).toEqual({ kind: 'over', said: '{"kind":"done"}' });
});
