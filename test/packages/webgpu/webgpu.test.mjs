/** WebGPU in Node as `selectBackend` starts it, on a real device. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { selectBackend } from '../../../src/node/index.ts';

const require = createRequire(import.meta.url);
const here = fileURLToPath(new URL('.', import.meta.url));
const projectFolder = here;

/** Runs a module in a process of its own; what it printed, with its status. */
function inProcess(code, env = {}) {
  const prelude = `
    import * as tf from '@tensorflow/tfjs';
    import { selectBackend } from '../../../src/node/index.ts';
    const projectFolder = ${JSON.stringify(here)};`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', prelude + code],
    { cwd: here, env: { ...process.env, ...env }, encoding: 'utf8', timeout: 60_000 },
  );
  return { status, stdout, stderr };
}

describe('selectBackend', () => {
  it('runs on WebGPU, with one TensorFlow.js, and names the adapter', async () => {
    const { name, description } = await selectBackend('webgpu', { projectFolder, allowSoftware: true });
    expect(name).toBe('webgpu');
    expect(description).toMatch(/^WebGPU on \S+/);
    expect(tf.getBackend()).toBe('webgpu');
    const cores = Object.keys(require.cache).filter((file) =>
      /tfjs-core[\\/]dist[\\/][^\\/]*\.js$/.test(file),
    );
    expect(cores).toEqual([require.resolve('@tensorflow/tfjs-core')]);
    expect(tf.Tensor).toBe(require('@tensorflow/tfjs-core').Tensor);
  });

  it('has all that the adapter allows', async () => {
    const { limits } = await navigator.gpu.requestAdapter();
    for (const name of ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage']) {
      expect(tf.backend().device.limits[name], name).toBe(limits[name]);
    }
  });

  it('lets the process end, and passes over or refuses a GPU in software', () => {
    const { status, stdout } = inProcess(`
      const { name, description } = await selectBackend(undefined, { projectFolder });
      console.log(name, description);
      await selectBackend('webgpu', { projectFolder }).catch(({ code, message }) => console.log(code, message));`);
    expect(status).toBe(0);
    if (/google|swiftshader|llvmpipe/i.test(tf.backend().adapterInfo.vendor ?? '')) {
      expect(stdout).toMatch(
        /^(node|wasm) .*webgpu passed over: The only WebGPU adapter here, .*SwiftShader/,
      );
      expect(stdout).toMatch(/^backend The only WebGPU adapter here.*allowSoftware: true/m);
    } else {
      expect(stdout).toMatch(/^webgpu WebGPU on /);
    }
  });

  it('says what to install where there is no driver', () => {
    const { stdout } = inProcess(
      `await selectBackend('webgpu', { projectFolder }).catch(({ message }) => console.log(message));`,
      { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' },
    );
    expect(stdout).toMatch(/does not start: Dawn finds no GPU: .*apt-get install libvulkan1/);
  });
});

describe('what WebGPU does wrong in silence', () => {
  it('sums of more tensors than a program can bind are right, with their gradients', async () => {
    for (const count of [1, 2, 7, 8, 12, 13, 40]) {
      const parts = Array.from({ length: count }, (_, i) => tf.mul(tf.tensor1d([i, 1]), 1));
      const before = tf.memory().numTensors;
      const sum = tf.addN(parts);
      expect(tf.memory().numTensors - before).toBe(1);
      expect([...(await sum.data())]).toEqual([(count * (count - 1)) / 2, count]);
      const [gradient] = tf.grads((...xs) => tf.sum(tf.mul(tf.addN(xs), 3)))(parts);
      expect([...(await gradient.data())]).toEqual([3, 3]);
    }
  });

  it('a tensor that is too large is refused', () => {
    const { maxStorageBufferBindingSize, maxBufferSize } = tf.backend().device.limits;
    const tooMany = Math.min(maxStorageBufferBindingSize, maxBufferSize) / 4 + 1;
    const before = tf.memory().numTensors;
    expect(() => tf.fill([tooMany], 1)).toThrow(
      expect.objectContaining({
        code: 'backend',
        message: expect.stringMatching(/^A tensor of \d+ bytes is larger .* allows for one, \d+ bytes/),
      }),
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('a command that the device refuses ends every later read, with its reason', () => {
    const { stdout } = inProcess(`
      import { runProgram } from '../../../src/kernels/webgpu/program.ts';
      await selectBackend('webgpu', { projectFolder, allowSoftware: true });
      const y = tf.tidy(() => tf.add(tf.ones([4]), 1));
      console.log([...(await y.data())].join());
      runProgram(tf.backend(), {
        name: 'wrong', inputs: {}, outputs: { y: 'f32' }, params: {}, workgroup: 1,
        source: 'fn main(group: u32, lane: u32) { this is no WGSL; }',
      }, { tensors: { y }, params: {}, groups: 1 });
      for (const what of [y, tf.ones([2]).add(y.sum())]) {
        await what.data().then(
          (values) => console.log('read', [...values].join()),
          ({ name, code, message }) => console.log(name, code, message),
        );
      }`);
    const [first, ...later] = stdout.trim().split('\n');
    expect(first).toBe('2,2,2,2');
    expect(later.length).toBe(2);
    for (const line of later)
      expect(line).toMatch(/^BicotError backend WebGPU refused a command: .*can't be trusted/);
  });

  it('buffers of ever other sizes do not fill the GPU', async () => {
    const { bufferManager } = tf.backend();
    let most = 0;
    for (let i = 0; i < 9; i++) {
      const first = tf.tidy(() => tf.slice(tf.fill([16 * 2 ** 20 + i], i), [0], [1])); // 64 MiB
      expect([...(await first.data())]).toEqual([i]);
      first.dispose();
      most = Math.max(most, bufferManager.numBytesAllocated);
    }
    expect(most).toBeLessThan(400 * 2 ** 20); // 9 × 64 MiB without
    const x = tf.mul(tf.ones([5]), 2);
    expect([...(await x.data())]).toEqual([2, 2, 2, 2, 2]);
  });
});
