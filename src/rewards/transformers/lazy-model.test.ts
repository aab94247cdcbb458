import { describe, expect, it, vi } from 'vitest';
import { lazyModel } from './lazy-model.js';

describe('lazyModel', () => {
  it('loads once, when it is first used, and frees what it loaded', async () => {
    const load = vi.fn(async () => 'model');
    const free = vi.fn(async () => {});
    const lazy = lazyModel('test', load, free);
    expect(load).not.toHaveBeenCalled();
    expect(await Promise.all([lazy.use(async (m) => `${m} 1`), lazy.use(async (m) => `${m} 2`)])).toEqual([
      'model 1',
      'model 2',
    ]);
    await lazy.dispose();
    await lazy.dispose();
    expect(load).toHaveBeenCalledTimes(1);
    expect(free.mock.calls).toEqual([['model']]);
  });

  it('tries again after loading failed', async () => {
    const load = vi.fn(async () => 'model').mockRejectedValueOnce(new Error('offline'));
    const lazy = lazyModel('test', load, async () => {});
    await expect(lazy.use(async (m) => m)).rejects.toThrow('offline');
    expect(await lazy.use(async (m) => m)).toBe('model');
  });

  it('frees nothing that was never loaded, or failed to', async () => {
    const free = vi.fn(async () => {});
    await lazyModel('test', async () => 'model', free).dispose();
    const failing = lazyModel('test', () => Promise.reject(new Error('offline')), free);
    await expect(failing.use(async () => {})).rejects.toThrow('offline');
    await failing.dispose();
    expect(free).not.toHaveBeenCalled();
  });

  it('waits for calls that run, also while it loads, and refuses later ones', async () => {
    const events: string[] = [];
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const lazy = lazyModel(
      'test',
      () => gate.then(() => 'model'),
      async () => events.push('freed'),
    );
    const call = lazy.use(async () => events.push('used'));
    const disposed = lazy.dispose();
    await expect(lazy.use(async () => {})).rejects.toMatchObject({
      code: 'value',
      message: expect.stringMatching(/was disposed/),
    });
    go();
    await Promise.all([call, disposed]);
    expect(events).toEqual(['used', 'freed']);
  });

  it('is freed after a call that failed', async () => {
    const free = vi.fn(async () => {});
    const lazy = lazyModel('test', async () => 'model', free);
    await expect(lazy.use(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    await lazy.dispose();
    expect(free).toHaveBeenCalledTimes(1);
  });
});
