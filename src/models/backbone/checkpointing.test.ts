import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { normal, withComposed } from '../../../test/support/kernel-properties.js';
import { peakBytes } from '../../../test/support/peak-bytes.js';
import { isFused } from '../../kernels/choice.js';
import { LINEAR } from '../../kernels/fused/linear.js';
import { rotaryTables } from '../../kernels/rotary.js';
import { type Backbone, type Block, runBlocks, trainedBlockParts } from './blocks.js';
import type { Matrix } from './matrix.js';

/** A variable in place of its first value. */
function variable<R extends tf.Rank>(values: tf.Tensor<R>): tf.Variable<R> {
  const made = tf.variable(values);
  values.dispose();
  return made;
}

/** What of each block is trained: everything, or adapters beside frozen matrices. */
type Trained = 'all' | 'adapters';

interface Sizes {
  readonly rows: number;
  readonly length: number;
  readonly width: number;
  readonly hidden: number;
  readonly layers: number;
}

const SMALL: Sizes = { rows: 2, length: 5, width: 8, hidden: 12, layers: 3 };

function makeBackbone(
  { width, hidden, layers }: Sizes,
  trained: Trained,
): Backbone & { tensors: tf.Tensor[] } {
  const tensors: tf.Tensor[] = [];
  const own = <T extends tf.Tensor>(tensor: T): T => {
    tensors.push(tensor);
    return tensor;
  };
  const matrix = (name: string, rows: number, columns: number): Matrix => {
    const values = normal(name, [rows, columns], 1 / Math.sqrt(rows));
    if (trained === 'all') return own(variable(values)) as unknown as tf.Tensor2D;
    const weight = own(values);
    // One in four is frozen and has no adapter.
    if (name.endsWith('up') || name.endsWith('output')) return weight;
    const down = own(variable(normal(`${name} A`, [rows, 2], 1)));
    const up = own(variable(normal(`${name} B`, [2, columns], 1)));
    return { weight, adapter: { down, up, scale: 0.5, power: { on: true } } };
  };
  const norm = (name: string): tf.Tensor1D => {
    const values = tf.tidy(() => tf.add(1, normal(name, [width], 0.1)) as tf.Tensor1D);
    return trained === 'all' ? (own(variable(values)) as unknown as tf.Tensor1D) : own(values);
  };
  const blocks = Array.from(
    { length: layers },
    (_, i): Block => ({
      attentionNorm: norm(`${i} first`),
      query: matrix(`${i} query`, width, width),
      key: matrix(`${i} key`, width, width),
      value: matrix(`${i} value`, width, width),
      output: matrix(`${i} output`, width, width),
      mlpNorm: norm(`${i} second`),
      gate: matrix(`${i} gate`, width, hidden),
      up: matrix(`${i} up`, width, hidden),
      down: matrix(`${i} down`, hidden, width),
    }),
  );
  return { heads: 2, rmsEpsilon: 1e-6, blocks, finalNorm: norm('final'), tensors };
}

/** Gradients of all that is trained, by the order of the blocks, after the loss and its input. */
function gradients(backbone: Backbone, { rows, length, width }: Sizes, checkpointing: boolean | number) {
  const variables = backbone.blocks.flatMap(trainedBlockParts);
  const input = variable(normal('x', [rows * length, width]));
  const { value, grads } = tf.variableGrads(() => {
    const positions = Array.from({ length }, (_, p) => p);
    const tables = rotaryTables(positions, width / backbone.heads);
    const stream = runBlocks(backbone, input as unknown as tf.Tensor2D, tables, { checkpointing });
    return tf.sum(tf.mul(stream, normal('dy', stream.shape))) as tf.Scalar;
  }, [input, ...variables]);
  input.dispose();
  return { value, made: [input, ...variables].map(({ name }) => grads[name] as tf.Tensor) };
}

describeOnBackends('checkpointed blocks', () => {
  for (const kernels of ['fused', 'composed'] as const) {
    for (const trained of ['all', 'adapters'] as const) {
      it(`have the loss and the gradients of others, ${trained} trained, ${kernels}`, async () => {
        const run = async (): Promise<void> => {
          const backbone = makeBackbone(SMALL, trained);
          const expected = gradients(backbone, SMALL, false);
          expect(expected.made.length).toBe(1 + SMALL.layers * (trained === 'all' ? 9 : 10));
          for (const checkpointing of [1, true, SMALL.layers - 1]) {
            const got = gradients(backbone, SMALL, checkpointing);
            expect(await got.value.data()).toBeAllclose(await expected.value.data(), 1e-6);
            for (const [i, gradient] of got.made.entries()) {
              const values = (await expected.made[i]?.data()) as Float32Array;
              expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0);
              expect(await gradient.data()).toBeAllclose(values, 1e-5);
            }
            tf.dispose(got as unknown as tf.TensorContainer);
          }
          tf.dispose([expected, backbone.tensors] as unknown as tf.TensorContainer);
        };
        await expectNoLeak(() => (kernels === 'composed' ? withComposed(run) : run()));
      });
    }
  }

  it('hold a stream for each, and what one makes', async () => {
    const sizes: Sizes = { rows: 1, length: 24, width: 16, hidden: 40, layers: 12 };
    const backbone = makeBackbone(sizes, 'adapters');
    const peak = (checkpointing: boolean | number): number =>
      peakBytes(() => {
        const { value, made } = gradients(backbone, sizes, checkpointing);
        tf.dispose([value, ...made]);
      });
    const { length, width, hidden, layers } = sizes;
    // What the kernels save; stock operations have scores of attention, and more steps on the way.
    const perBlock = {
      fused: 4 * length * (8 * width + 3 * hidden),
      composed: 4 * length * (11 * width + 4 * hidden + backbone.heads * length),
    };
    const streams = 4 * length * width * (layers + 2);
    const trained = 4 * backbone.blocks.flatMap(trainedBlockParts).reduce((sum, { size }) => sum + size, 0);
    for (const kernels of ['fused', 'composed'] as const) {
      const run = (): void => {
        const made = isFused(LINEAR, []) ? kernels : 'composed';
        // What a block makes and its gradients, as much again where the last one is left alone.
        const [all, allButOne] = [peak(true), peak(layers - 1)];
        expect(all).toBeLessThan(streams + trained + 3 * perBlock[made]);
        expect(allButOne).toBeLessThan(streams + trained + 5 * perBlock[made]);
      };
      await (kernels === 'composed' ? withComposed(run) : run());
    }
    expect(peak(false)).toBeGreaterThan(layers * perBlock.fused);
    tf.dispose(backbone.tensors);
  });
});
