import { expect, it, vi } from 'vitest';
import { waitFor } from './callers.js';
import type { Caller } from './work.js';

const aTask = (): { readonly callers: Caller[] } => ({ callers: [] });

it('all who wait for a task get its result', async () => {
  const task = aTask();
  const both = [waitFor(task, undefined, () => {}), waitFor(task, new AbortController().signal, () => {})];
  for (const { resolve } of task.callers) resolve(7 as never);
  expect(await Promise.all(both)).toEqual([7, 7]);
});

it('who aborts leaves alone, and the last one is told of', async () => {
  const task = aTask();
  const onLast = vi.fn();
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = [waitFor(task, first.signal, onLast), waitFor(task, second.signal, onLast)];
  first.abort(new Error('enough'));
  await expect(waiting[0]).rejects.toMatchObject({ code: 'aborted', cause: { message: 'enough' } });
  expect(task.callers).toHaveLength(1);
  expect(onLast).not.toHaveBeenCalled();
  second.abort();
  await expect(waiting[1]).rejects.toMatchObject({ code: 'aborted' });
  expect(onLast).toHaveBeenCalledOnce();
});

it('a signal that is aborted after the end says nothing to the task', async () => {
  const task = aTask();
  const onLast = vi.fn();
  const abort = new AbortController();
  const waiting = waitFor(task, abort.signal, onLast);
  task.callers[0]?.resolve(1 as never);
  await waiting;
  abort.abort();
  expect(onLast).not.toHaveBeenCalled();
  expect(task.callers).toHaveLength(1);
});
