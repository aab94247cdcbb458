/** What the tests of the fused kernels share: the builds, random inputs, and the properties that all kernels have. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type KernelSetting, kernelSetting, setKernels } from '../../src/kernels/choice.js';
import { hasRelaxedSimd } from '../../src/kernels/relaxed-simd.js';
import { WEBGPU_KERNELS } from '../../src/kernels/webgpu/install.js';
import { normalValues, uniformStream } from '../../src/tensor/noise.js';
import { BACKENDS } from './backends.js';

/** A build of the fused kernels: two on wasm, one on WebGPU. */
export type Build = 'plain' | 'fma' | 'webgpu';

/** Those that this engine can run: Node 20 has no relaxed SIMD. */
const BUILDS: readonly Build[] = [
  ...(BACKENDS.includes('wasm') ? (['plain'] as const) : []),
  ...(BACKENDS.includes('wasm') && hasRelaxedSimd() ? (['fma'] as const) : []),
  ...(BACKENDS.includes('webgpu') ? (['webgpu'] as const) : []),
];

/** Names of the kernels that WebGPU has. */
const ON_WEBGPU: ReadonlySet<string> = new Set(WEBGPU_KERNELS.map(({ name }) => name));

/**
 * Runs a suite with each build of the fused kernels, whatever the other tests run with.
 * @param kernels what the suite is of: the suite is skipped on a backend without one of them
 */
export function describeFused(name: string, kernels: readonly string[], suite: (build: Build) => void): void {
  for (const build of BUILDS) {
    const lacking = build === 'webgpu' && !kernels.every((kernel) => ON_WEBGPU.has(kernel));
    describe.skipIf(lacking)(`${name} [${build}]`, () => {
      let before: KernelSetting;
      beforeAll(async () => {
        await tf.setBackend(build === 'webgpu' ? build : 'wasm');
        before = kernelSetting();
        setKernels('fused', { fma: build === 'fma' });
      });
      afterAll(() => setKernels(...before));
      suite(build);
    });
  }
}

/** What an action gives with stock operations; the kernels are then what they were. */
export async function withComposed<Result>(action: () => Result | Promise<Result>): Promise<Result> {
  const before = kernelSetting();
  setKernels('composed');
  try {
    return await action();
  } finally {
    setKernels(...before);
  }
}

/** Magnitudes of inputs. */
export const scales = fc.constantFrom(1e-3, 0.1, 1, 30);
/** Names of random streams. */
export const seeds = fc.nat();
/** Rows: every height of a register tile, alone and after others. */
export const rowCounts = fc.integer({ min: 1, max: 70 });
/** Columns: every width of an edge. */
export const widths = fc.integer({ min: 1, max: 45 });
/** Lengths of sums; some need two passes of 384. */
export const sumLengths = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.integer({ min: 380, max: 800 }) },
);

/** Normal numbers of a scale. */
export function normals(key: string | number, count: number, scale = 1): Float32Array {
  return normalValues(uniformStream('kernel properties', key), count).map((value) => value * scale);
}

/** A tensor of them. */
export function normal(key: string | number, shape: readonly [number], scale?: number): tf.Tensor1D;
export function normal(key: string | number, shape: readonly [number, number], scale?: number): tf.Tensor2D;
export function normal(key: string | number, shape: readonly number[], scale?: number): tf.Tensor;
export function normal(key: string | number, shape: readonly number[], scale = 1): tf.Tensor {
  return tf.tensor(normals(key, tf.util.sizeFromShape([...shape]), scale), [...shape]);
}

/** Rows of a matrix that the host holds, as another matrix. */
export function pickRows(values: Float32Array, width: number, rows: readonly number[]): tf.Tensor2D {
  const picked = rows.flatMap((row) => [...values.subarray(row * width, (row + 1) * width)]);
  return tf.tensor2d(picked, [rows.length, width]);
}

/** An operation with one output or several. */
export type Operation = (...inputs: tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[];

const listed = (made: tf.Tensor | readonly tf.Tensor[]): readonly tf.Tensor[] =>
  made instanceof tf.Tensor ? [made] : made;

/** Values of an operation, and the gradients of its inputs under random upstream ones; leaves no tensor behind. */
async function valuesAndGradients(operation: Operation, inputs: readonly tf.Tensor[]) {
  const before = tf.memory().numTensors;
  const outputs = listed(operation(...inputs));
  expect(tf.memory().numTensors - before, 'tensors that an operation leaves').toBe(outputs.length);
  const upstream = outputs.map(({ shape }, i) => normal(`upstream ${i}`, shape));
  const between = tf.memory().numTensors;
  const gradients = tf.grads((...xs) =>
    listed(operation(...xs))
      .map((output, i) => tf.sum(tf.mul(output, upstream[i] as tf.Tensor)))
      .reduce((sum, part) => tf.add(sum, part)),
  )([...inputs]);
  expect(tf.memory().numTensors - between, 'tensors that gradients leave').toBe(inputs.length);
  const read = (tensors: readonly tf.Tensor[]) => Promise.all(tensors.map((tensor) => tensor.data()));
  const result = { values: await read(outputs), gradients: await read(gradients) };
  tf.dispose([...outputs, ...upstream, ...gradients]);
  return result;
}

/** Tolerances of `expectMatchesComposed`. */
export interface Tolerances {
  readonly value?: number;
  readonly gradient?: number;
  /** Natural magnitudes: what is smaller by chance, as a difference, is measured as if it were of this one. */
  readonly floor?: { readonly value?: number; readonly gradient?: number };
}

/** As `toBeAllclose`, of numbers whose magnitude is at least `floor`. */
export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  floor = 0,
): void {
  expect([...Array.from(got), floor]).toBeAllclose([...Array.from(expected), floor], tolerance);
}

/**
 * A fused operation gives what stock operations give, in every output and every input's gradient, and leaves nothing but
 * its outputs behind. Disposes the inputs.
 */
export async function expectMatchesComposed(
  operation: Operation,
  inputs: readonly tf.Tensor[],
  { value = 1e-5, gradient = 1e-4, floor = {} }: Tolerances = {},
): Promise<void> {
  const fused = await valuesAndGradients(operation, inputs);
  const composed = await withComposed(() => valuesAndGradients(operation, inputs));
  tf.dispose([...inputs]);
  composed.values.forEach((expected, i) => {
    expectClose(fused.values[i] as Float32Array, expected, value, floor.value);
  });
  composed.gradients.forEach((expected, i) => {
    expectClose(fused.gradients[i] as Float32Array, expected, gradient, floor.gradient);
  });
}

/** Whether two arrays are the same bits. */
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [left, right] = [a, b].map((values) => new Uint32Array(values.slice().buffer)) as [
    Uint32Array,
    Uint32Array,
  ];
  return left.length === right.length && left.every((bits, i) => bits === right[i]);
}

/** Reads a tensor and disposes it. */
export async function take(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values.slice();
}

/**
 * Each row comes out in the same bits alone, among others, at another place and a second time.
 * @param compute the results of these rows, one after the other, all of one length
 */
export async function expectRowsIndependent(
  count: number,
  compute: (rows: readonly number[]) => Promise<Float32Array>,
): Promise<void> {
  const all = Array.from({ length: count }, (_, row) => row);
  const together = await compute(all);
  const width = together.length / count;
  const expectSame = async (rows: readonly number[]): Promise<void> => {
    const got = await compute(rows);
    rows.forEach((row, place) => {
      const expected = together.subarray(row * width, (row + 1) * width);
      const same = sameBits(got.subarray(place * width, (place + 1) * width), expected);
      expect(same, `row ${row} at place ${place} of ${rows.length} rows`).toBe(true);
    });
  };
  await expectSame(all);
  await expectSame([...all].reverse());
  await expectSame(all.filter((row) => row % 3 !== 1));
  for (const row of all.slice(0, 7)) await expectSame([row]);
}
