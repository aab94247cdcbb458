import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKEND, describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { isBicotError } from '../../errors.js';
import { uniformStream } from '../../tensor/noise.js';
import { encodeFloats, type FloatDtype, widen } from './half-precision.js';
import { loadTensor } from './load-tensor.js';
import { memoryFolder } from './memory-folder.js';
import { openTensors } from './open-tensors.js';
import type { TensorSource } from './source.js';
import { writeCheckpoint } from './write-checkpoint.js';

const random = (size: number): Float32Array => {
  const next = uniformStream('load-tensor', size);
  return Float32Array.from({ length: size }, () => next() - 0.5);
};

/** A source of one tensor, and its numbers. */
async function sourceOf(
  shape: readonly number[],
  dtype: FloatDtype = 'BF16',
): Promise<[TensorSource, Float32Array]> {
  const bytes = encodeFloats(random(shape.reduce((a, b) => a * b, 1)), dtype);
  const folder = memoryFolder();
  await writeCheckpoint(folder, [{ name: 'w', dtype, shape, bytes: () => bytes }]);
  return [await openTensors(folder), widen(bytes, dtype)];
}

/** `[rows, columns]` by its definition. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(
    { length: values.length },
    (_, i) => values[(i % rows) * columns + Math.floor(i / rows)] as number,
  );
}

describeOnBackends('loadTensor', () => {
  it.each<[FloatDtype, number[]]>([
    ['F32', [3, 5]],
    ['F16', [3, 5]],
    ['BF16', [3, 5]],
    ['BF16', [7]],
    ['F16', []],
    ['F32', [0, 4]],
    ['F32', [4, 0]],
    ['BF16', [2, 3, 2, 2]],
  ])('%s of shape %j is what is stored', async (dtype, shape) => {
    const [source, values] = await sourceOf(shape, dtype);
    await expectNoLeak(async () => {
      const tensor = await loadTensor(source, 'w');
      expect([tensor.shape, tensor.dtype]).toEqual([shape, 'float32']);
      expect(new Float32Array(await tensor.data())).toEqual(values);
      tensor.dispose();
    });
  });

  it.each<[FloatDtype, number, number]>([
    ['F32', 5, 3],
    ['F16', 17, 33],
    ['BF16', 40, 1],
    ['BF16', 0, 3],
    ['BF16', 3, 0],
    // More than one piece, the last one cut: of several blocks, and of less than one.
    ['BF16', 331, 16384],
    ['F32', 13, 180_000],
  ])('%s of [%i, %i] is transposed', async (dtype, rows, columns) => {
    const [source, values] = await sourceOf([rows, columns], dtype);
    const tensor = await loadTensor(source, 'w', { transpose: true });
    expect(tensor.shape).toEqual([columns, rows]);
    const expected = transposed(values, rows, columns);
    const found = new Float32Array(await tensor.data());
    expect(Buffer.compare(Buffer.from(found.buffer), Buffer.from(expected.buffer))).toBe(0);
    tensor.dispose();
  });

  it('is read in pieces', async () => {
    const [source, values] = await sourceOf([300, 20_000]);
    let most = 0;
    const counting: TensorSource = {
      ...source,
      async readBytes(name, rows) {
        const bytes = await source.readBytes(name, rows);
        most = Math.max(most, bytes.length);
        return bytes;
      },
    };
    const tensor = await loadTensor(counting, 'w');
    expect(most).toBeLessThanOrEqual(2 ** 22);
    expect(Buffer.compare(Buffer.from((await tensor.data()).buffer), Buffer.from(values.buffer))).toBe(0);
    tensor.dispose();
  });

  it('may be some rows', async () => {
    const [source, values] = await sourceOf([40, 6]);
    const some = values.slice(18, 222);
    const rows = { begin: 3, end: 37 };
    const plain = await loadTensor(source, 'w', { rows });
    const turned = await loadTensor(source, 'w', { rows, transpose: true });
    expect([plain.shape, turned.shape]).toEqual([
      [34, 6],
      [6, 34],
    ]);
    expect(new Float32Array(await plain.data())).toEqual(some);
    expect(new Float32Array(await turned.data())).toEqual(transposed(some, 34, 6));
    tf.dispose([plain, turned]);
  });

  it('is a tensor like any other', async () => {
    const [source, values] = await sourceOf([4, 4]);
    await expectNoLeak(async () => {
      const tensor = (await loadTensor(source, 'w')) as tf.Tensor2D;
      const variable = tf.variable(tensor);
      tensor.dispose();
      const { value, grads } = tf.variableGrads(() => variable.square().sum() as tf.Scalar, [variable]);
      const gradient = grads[variable.name] as tf.Tensor;
      expect([...(await gradient.data())]).toEqual([...values].map((v) => 2 * v));
      tf.dispose([value, gradient, variable]);
    });
  });

  it('leaves nothing behind if the file ends early', async () => {
    const [source] = await sourceOf([300, 20_000]);
    const broken: TensorSource = {
      ...source,
      readBytes: async (name, rows) => {
        if (rows && rows.begin > 0) throw new Error('it ended');
        return source.readBytes(name, rows);
      },
    };
    await expectNoLeak(async () => {
      await expect(loadTensor(broken, 'w')).rejects.toThrow('it ended');
      await expect(loadTensor(broken, 'w', { transpose: true })).rejects.toThrow('it ended');
    });
  });

  it('refuses what is not there or can not be done', async () => {
    const [source] = await sourceOf([2, 3, 4]);
    await expectNoLeak(async () => {
      const failing = (options: Parameters<typeof loadTensor>[2], name = 'w'): Promise<string> =>
        loadTensor(source, name, options).then(
          () => 'no error',
          (error: { code: string }) => error.code,
        );
      expect(await failing({}, 'v')).toBe('checkpoint');
      expect(await failing({ transpose: true })).toBe('shape');
      expect(await failing({ rows: { begin: 1, end: 3 } })).toBe('value');
    });
    const [whole] = [{ ...source, tensors: new Map([['w', { ...source.tensors.get('w'), dtype: 'I64' }]]) }];
    await expect(loadTensor(whole as unknown as TensorSource, 'w')).rejects.toThrow(
      /holds numbers of the format I64/,
    );
  });
});

describe.runIf(DEFAULT_BACKEND === 'wasm')('on wasm', () => {
  // 17 GB, which malloc takes for 0; 4.5 GB, for half of one; and 4.2 GB, which it refuses.
  it.each([
    [2 ** 29, 8],
    [9 * 2 ** 27, 1],
    [2 ** 30 - 2 ** 20, 1],
  ])('a tensor of [%i, %i] has no room, and nothing is left', async (rows, columns) => {
    const [{ path }] = await sourceOf([1]);
    const bytes = 2 * rows * columns;
    const source: TensorSource = {
      path,
      tensors: new Map([['w', { name: 'w', dtype: 'BF16', shape: [rows, columns], file: 'x', bytes }]]),
      readBytes: () => Promise.reject(new Error('nothing should be read')),
      readFloats: () => Promise.reject(new Error('nothing should be read')),
    };
    await expectNoLeak(async () => {
      const loading = loadTensor(source, 'w');
      await expect(loading).rejects.toThrow(/no room for the \d+ bytes of \[/);
      await expect(loading).rejects.toSatisfy((error) => isBicotError(error, 'backend'));
    });
    expect([...(await tf.tensor1d([1, 2]).square().data())]).toEqual([1, 4]);
  });
});
