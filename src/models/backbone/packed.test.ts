import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { describeFused, normal, take } from '../../../test/support/kernel-properties.js';
import { PACK_MATRIX, PACKED_LINEAR } from '../../kernels/fused/packed-linear.js';
import { createAdapters } from '../lora/adapters.js';
import { type Matrix, multiply } from './matrix.js';
import { packMatrices } from './packed.js';

/** Two matrices with trained adapters and one without; what makes them is left to the test's file. */
function someMatrices() {
  const plain = normal('plain', [9, 4]);
  const adapters = createAdapters(
    new Map([
      ['q', normal('q', [9, 5])],
      ['k', normal('k', [9, 13])],
    ]),
    { rank: 3, alpha: 5 },
  );
  for (const [path, { adapter }] of adapters.adapted) {
    tf.tidy(() => adapter.up.assign(normal(`up ${path}`, adapter.up.shape as [number, number])));
  }
  const [q, k] = [...adapters.adapted.values()] as [Matrix, Matrix];
  return { adapters, matrices: [q, plain, k] };
}

const taken = (products: readonly tf.Tensor[]) => Promise.all(products.map(take));

function suite() {
  it('multiplies as multiply does, with adapters on and off', async () => {
    const { adapters, matrices } = someMatrices();
    for (const on of [true, false]) {
      adapters.power.on = on;
      for (const rows of [1, 7]) {
        const x = normal('x', [rows, 9]);
        const packed = packMatrices(matrices);
        expect(packed.columns).toEqual([5, 4, 13]);
        const got = await taken(packed.multiply(x));
        const expected = await taken(multiply(x, matrices));
        got.forEach((values, i) => void expect(values).toBeAllclose(expected[i] as Float32Array, 1e-5));
        packed.dispose();
      }
    }
    adapters.dispose();
  });

  it('keeps to the switch as it was when they were packed', async () => {
    const { adapters, matrices } = someMatrices();
    const x = normal('x', [2, 9]);
    for (const on of [true, false]) {
      adapters.power.on = on;
      const packed = packMatrices(matrices);
      const before = await taken(packed.multiply(x));
      adapters.power.on = !on;
      expect(await taken(packed.multiply(x))).toEqual(before);
      packed.dispose();
    }
    adapters.dispose();
  });

  it('leaves nothing behind but what it gives, and the matrices alone', async () => {
    const { adapters, matrices } = someMatrices();
    const x = normal('x', [2, 9]);
    await expectNoLeak(() => {
      const packed = packMatrices(matrices);
      packed.multiply(x);
      tf.tidy(() => void packed.multiply(x));
      packed.dispose();
    }, 3);
    expect((matrices[1] as tf.Tensor2D).isDisposed).toBe(false);
    adapters.dispose();
  });
}

describeOnBackends('packMatrices', suite);

describeFused('packMatrices, fused', [PACK_MATRIX, PACKED_LINEAR], () => {
  suite();

  it('packs one matrix with its adapter added', async () => {
    const { adapters, matrices } = someMatrices();
    const packed = packMatrices(matrices);
    expect(packed.panels.length).toBe(3);
    packed.dispose();
    adapters.dispose();
  });
});
