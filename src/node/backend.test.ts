import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, it } from 'vitest';
import { type BackendName, selectBackend } from './backend.js';

const scratch = mkdtempSync(join(tmpdir(), 'bicot-backend-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A project folder with a stand-in for a native package. */
function fakeProject(name: string, pkg: string, code: string): string {
  const folder = join(scratch, name);
  const at = join(folder, 'node_modules', pkg);
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'package.json'), JSON.stringify({ name: pkg, main: 'index.js' }));
  writeFileSync(join(at, 'index.js'), code);
  return folder;
}

function nodeBackendAbsent(): string | undefined {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-node');
    return undefined;
  } catch {
    return '@tensorflow/tfjs-node is not installed';
  }
}

describe('selectBackend', () => {
  it('starts the named backend and says what runs', async () => {
    expect(await selectBackend('cpu')).toMatchObject({ name: 'cpu' });
    expect(tf.getBackend()).toBe('cpu');
    const wasm = await selectBackend('wasm');
    expect(wasm.description).toMatch(/^WebAssembly/);
    expect(tf.getBackend()).toBe('wasm');
  });

  it('leaves no tensor behind', async () => {
    await selectBackend('cpu');
    const before = tf.memory().numTensors;
    await selectBackend('cpu');
    expect(tf.memory().numTensors).toBe(before);
  });

  it('falls back to wasm where no native package is installed', async () => {
    expect(await selectBackend(undefined, { projectFolder: scratch })).toEqual({
      name: 'wasm',
      description: expect.stringMatching(/^WebAssembly[^;]*$/),
    });
  });

  it('passes over an installed package that does not load, and says why', async () => {
    const folder = fakeProject('broken', '@tensorflow/tfjs-node', 'throw new Error("no addon\\nsee docs")');
    const { name, description } = await selectBackend(undefined, { projectFolder: folder });
    expect(name).toBe('wasm');
    expect(description).toMatch(/node passed over: no addon$/);
    await expect(selectBackend('node', { projectFolder: folder })).rejects.toMatchObject({
      code: 'backend',
      message: expect.stringMatching(/installed but does not start: no addon/),
    });
  });

  it('refuses a package with a second copy of TensorFlow.js', async () => {
    const folder = fakeProject('twice', '@tensorflow/tfjs-node', 'exports.Tensor = class Tensor {}');
    await expect(selectBackend('node', { projectFolder: folder })).rejects.toThrow(/second copy/);
    await expect(selectBackend(undefined, { projectFolder: folder })).rejects.toThrow(/second copy/);
  });

  it.each([
    ['node-gpu', /npm install @tensorflow\/tfjs-node-gpu@.*`npx bicot install-native --gpu`/],
    ['node', /npm install @tensorflow\/tfjs-node@.*`npx bicot install-native`/],
    ['webgpu', /packages webgpu and .*npm install webgpu @tensorflow\/tfjs-backend-webgpu@4/],
    ['cuda', /Unknown backend 'cuda'.*node-gpu, webgpu, node, wasm, cpu/],
  ])('says what to do when %s cannot be had', async (name, message) => {
    await expect(selectBackend(name as BackendName, { projectFolder: scratch })).rejects.toMatchObject({
      name: 'BicotError',
      code: 'backend',
      message: expect.stringMatching(message),
    });
  });

  it('finds the wasm binaries from any working directory', () => {
    const code = `
      const load = require('node:module').createRequire(${JSON.stringify(join(process.cwd(), 'noop.js'))});
      const tf = load('@tensorflow/tfjs');
      load('@tensorflow/tfjs-backend-wasm');
      tf.setBackend('wasm').then((ok) => process.exit(ok ? 0 : 1));`;
    expect(spawnSync(process.execPath, ['-e', code], { cwd: '/' }).status).toBe(0);
  });

  const absent = nodeBackendAbsent();
  if (absent) console.log(`skipped: the native backend's own test (${absent})`);
  it.skipIf(absent !== undefined)('runs on the native backend when it is installed', async () => {
    const { name, description } = await selectBackend('node');
    expect(name).toBe('node');
    expect(description).toMatch(/native TensorFlow on the (CPU|GPU)/);
    expect(tf.getBackend()).toBe('tensorflow');
    await selectBackend('wasm');
  });
});
