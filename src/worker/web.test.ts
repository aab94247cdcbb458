import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { smallTransformer } from '../../test/support/small-transformer.js';
import { workerPool } from '../parallel/pool.js';
import { spawner } from '../parallel/thread.js';
import { uniformStream } from '../tensor/noise.js';
import { serveWebWorker } from './web.js';

interface Scope {
  postMessage?: (message: unknown, transfer: ArrayBuffer[]) => void;
  onmessage?: ((event: { data: unknown }) => void) | null;
  Worker?: unknown;
}
const scope = globalThis as unknown as Scope;

/** A browser's Worker as far as bicot uses it, whose code runs here. */
class FakeWorker {
  static readonly made: { url: URL; options: object }[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;
  constructor(url: URL, options: object) {
    FakeWorker.made.push({ url, options });
    scope.postMessage = (message, transfer) => {
      const data = structuredClone(message, { transfer });
      queueMicrotask(() => this.onmessage?.({ data }));
    };
    serveWebWorker();
  }
  postMessage(message: unknown): void {
    const data = structuredClone(message);
    queueMicrotask(() => scope.onmessage?.({ data }));
  }
  terminate(): void {}
}

afterEach(() => {
  vi.unstubAllGlobals();
  delete scope.onmessage;
  delete scope.postMessage;
});

/** As in a page: no Node, and a Worker. */
function inBrowser(): void {
  vi.stubGlobal('process', undefined);
  vi.stubGlobal('Worker', FakeWorker);
}

describe('in a browser', () => {
  it('a pool works in Web Workers that are modules, on a backend that is there', async () => {
    const policy = await smallTransformer();
    inBrowser();
    const entry = 'https://example.org/worker.js';
    const pool = await workerPool(policy, { workers: 1, entry }).finally(() => vi.unstubAllGlobals());
    const context = { ids: Int32Array.of(1, 3) };
    const sampled = await pool.sample(policy, {
      ...{ contexts: [context], samplesPerContext: 2, space: 'image', sampling: {} },
      streams: (row) => uniformStream('web', row),
    });
    expect(sampled.completion.rows).toBe(2);
    expect(FakeWorker.made.at(-1)).toEqual({ url: entry, options: { type: 'module', name: 'bicot' } });
    await pool.dispose();

    inBrowser();
    await expect(workerPool(policy, { workers: 1, entry, backend: 'webgpu' })).rejects.toMatchObject({
      code: 'backend',
      message: expect.stringMatching(/could not start the backend 'webgpu'.*serveWebWorker/),
    });
    vi.unstubAllGlobals();
    policy.dispose();
    expect(tf.getBackend()).toBeTruthy();
  });

  it("the worker's own code is beside the library's", () => {
    inBrowser();
    spawner()();
    expect(FakeWorker.made.at(-1)?.url.href).toMatch(/src\/worker\/index\.ts$/);
  });

  it('memory that can not be shared is said', async () => {
    const policy = await smallTransformer();
    vi.stubGlobal('SharedArrayBuffer', undefined);
    await expect(workerPool(policy, { workers: 1 })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/Cross-Origin-Opener-Policy/),
    });
    policy.dispose();
  });
});
