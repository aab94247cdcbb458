import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { readInto, tensorOfNow } from './host-memory.js';

describeOnBackends('host memory', () => {
  it('takes the numbers of a tensor where it is told, computed or given', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(24));
    const given = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    await readInto(given, shared.subarray(1, 5));
    expect([...shared]).toEqual([0, 1, 2, 3, 4, 0]);
    await readInto(tf.transpose(given), shared.subarray(2, 6));
    expect([...shared]).toEqual([0, 1, 1, 3, 2, 4]);
    await readInto(tf.zeros([0]), shared.subarray(0, 0));
  });

  it('refuses a tensor that was disposed', async () => {
    const gone = tf.tensor1d([1]);
    gone.dispose();
    await expect(readInto(gone, new Float32Array(1))).rejects.toThrow(/disposed/);
  });

  it('gives a tensor of what it holds now', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(16)).fill(1);
    const tensor = tensorOfNow(shared.subarray(1), [3, 1]);
    shared.fill(2);
    expect(tensor.shape).toEqual([3, 1]);
    expect(await tf.mul(tensor, 3).data()).toEqual(Float32Array.of(3, 3, 3));
  });

  it('leaves no tensors behind', () => expectNoLeak(() => tensorOfNow(new Float32Array(2), [2]).dispose()));
});
