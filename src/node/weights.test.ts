import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectNoLeak } from '../../test/support/backends.js';
import { loadWeights, readSafetensors, saveWeights, writeSafetensors } from './weights.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-weights-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const variables = () => ({
  'layers.0.w': tf.variable(tf.tensor2d([1, -2.5, 3e-20, 4, 5, 6], [2, 3])),
  bias: tf.variable(tf.tensor1d([7, 8])),
});

describe('weights on disk', () => {
  it('come back into the variables bit for bit, with their metadata, and leave no tensor behind', async () => {
    const path = join(folder, 'run', 'policy.safetensors');
    const saved = variables();
    const loaded = variables();
    loaded.bias.assign(tf.tensor1d([0, 0]));
    loaded['layers.0.w'].assign(tf.zeros([2, 3]));
    await expectNoLeak(async () => {
      await saveWeights(path, saved, { step: '65' });
      expect(await loadWeights(path, loaded)).toEqual({ step: '65' });
    });
    expect(await loaded['layers.0.w'].data()).toEqual(await saved['layers.0.w'].data());
    expect(await loaded.bias.data()).toEqual(await saved.bias.data());
    tf.dispose([saved, loaded]);
  });

  it('of another shape are refused and change nothing', async () => {
    const path = join(folder, 'other.safetensors');
    const target = variables();
    await writeSafetensors(path, {
      'layers.0.w': { dtype: 'F32', shape: [2, 3], data: new Float32Array(6) },
      bias: { dtype: 'F32', shape: [3], data: new Float32Array(3) },
    });
    await expect(loadWeights(path, target)).rejects.toMatchObject({
      code: 'safetensors',
      message: expect.stringMatching(/other\.safetensors.*bias \[3\] instead of \[2\]/),
    });
    expect([...(await target['layers.0.w'].data())].slice(0, 2)).toEqual([1, -2.5]);
    tf.dispose(target);
  });

  it('that are missing or truncated are refused by name', async () => {
    const path = join(folder, 'cut.safetensors');
    await writeSafetensors(path, { a: { dtype: 'I32', shape: [4], data: Int32Array.of(1, 2, 3, 4) } });
    expect((await readSafetensors(path)).tensors.a?.data).toEqual(Int32Array.of(1, 2, 3, 4));
    await writeFile(path, (await readFile(path)).subarray(0, -3));
    for (const name of ['cut.safetensors', 'absent.safetensors']) {
      await expect(readSafetensors(join(folder, name))).rejects.toMatchObject({
        code: 'safetensors',
        message: expect.stringContaining(name),
      });
    }
  });
});
