import { describe, expect, it } from 'vitest';
import { patiently } from './backoff.js';

const never = new Promise<never>(() => {});

describe('patiently', () => {
  it('gives what comes, and throws what is thrown', async () => {
    expect(await patiently(Promise.resolve(3), { milliseconds: 60_000 })).toBe(3);
    await expect(patiently(Promise.reject(new Error('no')), {})).rejects.toThrow('no');
  });

  it('does not wait longer than it is told to', async () => {
    expect(await patiently(never, { milliseconds: 1 })).toBeUndefined();
  });

  it('does not wait after a signal, before or while it waits', async () => {
    expect(await patiently(never, { signal: AbortSignal.abort() })).toBeUndefined();
    const controller = new AbortController();
    const waited = patiently(never, { signal: controller.signal });
    controller.abort();
    expect(await waited).toBeUndefined();
  });

  it('lets go of an error that comes too late', async () => {
    let fail: (error: Error) => void = () => {};
    const late = new Promise<never>((_, reject) => {
      fail = reject;
    });
    expect(await patiently(late, { milliseconds: 1 })).toBeUndefined();
    // Unhandled, it would fail this file.
    fail(new Error('too late'));
    await new Promise((done) => setTimeout(done, 5));
  });
});
