import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { normal, take, withComposed } from '../../test/support/kernel-properties.js';
import { peakBytes } from '../../test/support/peak-bytes.js';
import { linear, projections } from './linear.js';
import { sum } from './sum.js';

/** Products that a gradient takes: stock ones and fused ones, each counted once. */
async function products(action: () => void): Promise<number> {
  const { kernels } = await tf.profile(() => {
    action();
    return tf.scalar(0);
  });
  return kernels.filter(({ name }) => ['BatchMatMul', 'BicotLinear', 'BicotProjectionsGradX'].includes(name))
    .length;
}

describeOnBackends('frozen weights', () => {
  for (const kernels of ['fused', 'composed'] as const) {
    const run = <R>(action: () => Promise<R>): Promise<R> =>
      kernels === 'composed' ? withComposed(action) : action();

    // Few rows and many: on wasm one transposes the rows, the other the matrix.
    for (const rows of [3, 40]) {
      it(`give the gradient of x that others give, and the same values, ${rows} rows, ${kernels}`, () =>
        run(async () => {
          const [x, w, dy] = [normal('x', [rows, 9]), normal('w', [9, 14]), normal('dy', [rows, 14])];
          const of = (frozen: boolean) =>
            tf.valueAndGrad((y) => linear(y as tf.Tensor2D, w, { frozen }))(x, dy);
          await expectNoLeak(async () => {
            const [got, expected] = [of(true), of(false)];
            expect(await take(got.value)).toEqual(await take(expected.value));
            expect(await take(got.grad)).toBeAllclose(await take(expected.grad), 1e-6);
          });
          expect(() => tf.grad((v) => linear(x, v as tf.Tensor2D, { frozen: true }))(w)).toThrow(/gradient/);
          tf.dispose([x, w, dy]);
        }));
    }

    it(`cost two products and no matrix, ${kernels}`, () =>
      run(async () => {
        const x = normal('x', [2, 200]);
        const w = normal('w', [200, 300]);
        const backward = (frozen: boolean) => (): void =>
          tf
            .grad((y) => linear(y as tf.Tensor2D, w, { frozen }))(x)
            .dispose();
        expect(await products(backward(true))).toBe(2);
        // On wasm's stock operations, a transposed copy of the rows; never one of the matrix, nor a gradient.
        expect(peakBytes(backward(true))).toBeLessThan(4 * 2 * (200 + 300) * 4);
        if (kernels === 'composed') {
          expect(await products(backward(false))).toBe(3);
          expect(peakBytes(backward(false))).toBeGreaterThan(4 * 200 * 300);
        }
        tf.dispose([x, w]);
      }));

    it(`stand beside trained ones in projections, ${kernels}`, () =>
      run(async () => {
        const x = normal('x', [4, 5]);
        const weights = [normal('a', [5, 3]), normal('b', [5, 2]), normal('c', [5, 3])];
        const of = (frozen?: boolean[]) =>
          tf.grads((y, ...ws) =>
            projections(y as tf.Tensor2D, ws as tf.Tensor2D[], { frozen })
              .map((made) => tf.sum(tf.square(made)))
              .reduce((total, part) => tf.add(total, part)),
          );
        const expected = of()([x, ...weights]);
        const got = tf.grads((y, b) =>
          projections(
            y as tf.Tensor2D,
            [weights[0] as tf.Tensor2D, b as tf.Tensor2D, weights[2] as tf.Tensor2D],
            {
              frozen: [true, false, true],
            },
          )
            .map((made) => tf.sum(tf.square(made)))
            .reduce((total, part) => tf.add(total, part)),
        )([x, weights[1] as tf.Tensor]);
        expect(await take(got[0] as tf.Tensor)).toBeAllclose(await take(expected[0] as tf.Tensor), 1e-6);
        expect(await take(got[1] as tf.Tensor)).toBeAllclose(await take(expected[2] as tf.Tensor), 1e-6);
        expect(() => projections(x, weights, { frozen: [true] })).toThrow(/frozen/);
        tf.dispose([x, ...weights, ...expected]);
      }));
  }
});

describeOnBackends('unread products', () => {
  for (const kernels of ['fused', 'composed'] as const) {
    for (const frozen of [false, true]) {
      it(`have the gradients of others, and zeros for a value, ${frozen ? 'frozen, ' : ''}${kernels}`, async () => {
        const run = async (): Promise<void> => {
          const [x, w, dy] = [normal('x', [4, 5]), normal('w', [5, 3]), normal('dy', [4, 3])];
          const of = (unread: boolean) =>
            tf.valueAndGrads((y, v) => linear(y as tf.Tensor2D, v as tf.Tensor2D, { frozen, unread }));
          const inputs = frozen ? [x] : [x, w];
          const alone = (unread: boolean) =>
            tf.valueAndGrads((y) => linear(y as tf.Tensor2D, w, { frozen, unread }));
          const [got, expected] = (frozen ? [alone(true), alone(false)] : [of(true), of(false)]).map((each) =>
            each(inputs, dy),
          ) as [ReturnType<ReturnType<typeof of>>, ReturnType<ReturnType<typeof of>>];
          expect(await take(got.value)).toEqual(new Float32Array(12));
          expect(got.grads.length).toBe(inputs.length);
          for (const [i, gradient] of got.grads.entries()) {
            expect(await take(gradient)).toBeAllclose(await take(expected.grads[i] as tf.Tensor), 1e-6);
          }
          tf.dispose([x, w, dy, expected.value]);
        };
        await expectNoLeak(() => (kernels === 'composed' ? withComposed(run) : run()));
      });
    }
  }
});

describeOnBackends('sum', () => {
  it('adds, with a gradient for each, also of a tensor with itself', async () => {
    const [a, b, dy] = ['a', 'b', 'dy'].map((name) => normal(name, [3, 2] as readonly number[])) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    await expectNoLeak(async () => {
      const total = sum(a, b);
      expect(await take(total)).toBeAllclose(await take(tf.add(a, b)));
      const grads = tf.grads(sum)([a, b], dy);
      for (const gradient of grads) expect(await take(gradient)).toEqual(await dy.data());
      const twice = tf.grad((x) => sum(x, x))(a, dy);
      expect(await take(twice)).toBeAllclose((await dy.data()).map((value) => 2 * value));
    });
    expect(() => sum(a, tf.zeros([2]) as tf.Tensor)).toThrow(/sum: b/);
    tf.dispose([a, b, dy]);
  });

  it('keeps nothing', () => {
    const x = normal('x', [100, 10]);
    const peak = (plus: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): number =>
      peakBytes(() =>
        tf
          .grad((y) => {
            let made = y;
            for (let i = 0; i < 20; i++) made = plus(made, tf.neg(y));
            return made;
          })(x)
          .dispose(),
      );
    // What is left are gradients: of twenty sums, and of as many negations, added up.
    expect(peak(sum)).toBeLessThan(0.7 * peak(tf.add));
    x.dispose();
  });
});
