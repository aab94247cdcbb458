import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type BrowserBackendName, selectBackend } from './backend.js';

// A page's WebGPU and its wasm binaries are tested in a browser: test/packages/browser.
describe('selectBackend', () => {
  it('takes the best that starts, and says why a better one was passed over', async () => {
    const { name, description } = await selectBackend();
    expect(name).toBe('wasm');
    expect(description).toMatch(
      /^WebAssembly with SIMD, fused kernels; webgpu passed over: .*navigator\.gpu/,
    );
    expect(tf.getBackend()).toBe('wasm');
  });

  it('starts the named one, with stock operations if asked', async () => {
    expect(await selectBackend('cpu')).toEqual({ name: 'cpu', description: expect.stringMatching(/^plain/) });
    const { description } = await selectBackend('wasm', { kernels: 'composed' });
    expect(description).toBe('WebAssembly with SIMD, stock operations');
    await selectBackend('wasm');
  });

  it.each([
    ['webgpu', /does not start: there is no navigator.gpu.*Choose another of webgpu, wasm, cpu/],
    ['node', /Unknown backend 'node'/],
  ])('says what is wrong with %s', async (name, message) => {
    await expect(selectBackend(name as BrowserBackendName)).rejects.toMatchObject({
      name: 'BicotError',
      code: 'backend',
      message: expect.stringMatching(message),
    });
  });
});
