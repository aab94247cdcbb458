import { expect, it } from 'vitest';
import { keepsOf } from '../worker/keeps.js';
import { isLate } from './late.js';

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
