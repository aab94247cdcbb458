import { expect, it } from 'vitest';
import { suspectAfter } from './finite.js';

const a = { worker: 'a', sha256: '1' };
const first = suspectAfter(undefined, a, true);

it('believes nobody at once', () => {
  expect(first).toEqual({ ...a, times: 1 });
});

it('believes two workers that give the same, or the only one that gives it twice', () => {
  expect(suspectAfter(first, { worker: 'b', sha256: '1' }, true)).toBeUndefined();
  expect(suspectAfter(first, a, false)).toBeUndefined();
});

it('suspects one that repeats itself while others are there, and whoever gave something else', () => {
  expect(suspectAfter(first, a, true)).toEqual({ ...a, times: 2 });
  expect(suspectAfter(first, { worker: 'b', sha256: '2' }, true)).toEqual({
    worker: 'b',
    sha256: '2',
    times: 2,
  });
});

it('believes one that was asked again and again, though others are there', () => {
  expect(suspectAfter({ ...a, times: 4 }, a, true)).toEqual({ ...a, times: 5 });
  expect(suspectAfter({ ...a, times: 5 }, a, true)).toBeUndefined();
});
