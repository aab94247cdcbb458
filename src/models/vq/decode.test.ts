import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { peakBytes } from '../../../test/support/peak-bytes.js';
import { allCodes, deterministicVq, vqReference } from '../../../test/support/vq.js';
import { vqDecoderConfig } from './config.js';
import { decodeOne, decodeVq } from './decode.js';
import { disposeVqParameters, type VqParameters } from './parameters.js';

/** Values of a tensor that is then disposed. */
async function valuesOf(x: tf.Tensor): Promise<Float32Array> {
  const values = await x.data<'float32'>();
  x.dispose();
  return values;
}

function worstError(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  // Math.max passes NaN on.
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (found[i] as number))), 0);
}

/** Norm squared and moments, as `fingerprint` in test/reference/vq_decoder.py, of one picture. */
function fingerprint([, height, width, channels]: tf.Tensor4D['shape'], values: Float32Array): number[] {
  const sums = [0, 0, 0, 0, 0] as [number, number, number, number, number];
  values.forEach((value, i) => {
    const position = Math.floor(i / channels);
    sums[0] += value * value;
    sums[1] += value;
    sums[2] += (value * (Math.floor(position / width) + 1)) / height;
    sums[3] += (value * ((position % width) + 1)) / width;
    sums[4] += (value * ((i % channels) + 1)) / channels;
  });
  return sums;
}

describeOnBackends('decodeVq', () => {
  describe.each(['tiny', 'other'] as const)('%s', (name) => {
    const reference = vqReference(name);
    const config = vqDecoderConfig(reference.config);
    const length = config.grid ** 2;
    const codes = allCodes(reference);
    let parameters: VqParameters;
    let pixels: Float32Array;

    beforeAll(async () => {
      parameters = deterministicVq(config);
      pixels = await valuesOf(decodeVq(config, parameters, codes));
    });
    afterAll(() => disposeVqParameters(parameters));

    it("gives PyTorch's pixels", () => {
      expect(worstError(pixels, reference.pixels.flat())).toBeLessThan(2e-5);
    });

    it("gives PyTorch's feature maps", async () => {
      const found: Record<string, { shape: number[]; sums: number[] }> = {};
      for (const row of reference.codes) {
        const maps: [string, tf.Tensor4D][] = [];
        tf.tidy(() =>
          decodeOne(config, parameters, tf.tensor2d(row, [1, length], 'int32'), (stage, x) =>
            maps.push([stage, tf.keep(tf.clone(x))]),
          ),
        ).dispose();
        for (const [stage, x] of maps) {
          const sums = fingerprint(x.shape, await valuesOf(x));
          const before = found[stage]?.sums;
          found[stage] = { shape: x.shape, sums: sums.map((sum, i) => sum + (before?.[i] ?? 0)) };
        }
      }
      expect(Object.keys(found)).toEqual(Object.keys(reference.stages));
      for (const [stage, { side, channels, norm, moments }] of Object.entries(reference.stages)) {
        const { shape = [], sums: [squares = Number.NaN, ...sums] = [] } = found[stage] ?? {};
        expect(shape, stage).toEqual([1, side, side, channels]);
        expect(Math.abs(Math.sqrt(squares) - norm) / norm, stage).toBeLessThan(1e-5);
        // Sums over numbers of both signs, whose errors grow with the square root of their count.
        expect(worstError(sums, moments) / norm, stage).toBeLessThan(1e-4);
      }
    });

    it('does not depend on the batch', async () => {
      const second = await valuesOf(decodeVq(config, parameters, codes.slice(length)));
      expect(pixels.slice(second.length)).toEqual(second);
    });

    it('takes codes on the device, and leaves nothing behind', async () => {
      const ids = tf.tensor2d(Int32Array.from(codes), [2, length], 'int32');
      await expectNoLeak(async () => {
        expect(await valuesOf(decodeVq(config, parameters, ids))).toEqual(pixels);
      });
      ids.dispose();
    });
  });

  it('gives what the original implementation gave', async () => {
    const reference = vqReference('tiny');
    const { mean, std_unbiased, red_of_first_row } = reference.original as NonNullable<
      typeof reference.original
    >;
    const config = vqDecoderConfig(reference.config);
    const parameters = deterministicVq(config);
    const pixels = await valuesOf(decodeVq(config, parameters, allCodes(reference)));
    disposeVqParameters(parameters);
    const average = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    const squares = pixels.reduce((sum, value) => sum + (value - average) ** 2, 0);
    expect(Math.abs(average - mean)).toBeLessThan(5e-6);
    expect(Math.abs(Math.sqrt(squares / (pixels.length - 1)) - std_unbiased)).toBeLessThan(5e-6);
    const red = red_of_first_row.map((_, x) => pixels[3 * x] as number);
    expect(worstError(red, red_of_first_row)).toBeLessThan(2e-5);
  });
});

describe('decodeVq', () => {
  const { config } = vqReference('tiny');
  let parameters: VqParameters;
  beforeAll(() => {
    parameters = deterministicVq(config);
  });
  afterAll(() => disposeVqParameters(parameters));

  it('keeps four feature maps at a time at most', () => {
    // Few channels and a large side, so that little but the largest maps counts.
    const wide = vqDecoderConfig({
      ...{ codebookSize: 4, embedding: 4, latent: 8, channels: 8, groups: 8 },
      ...{ multipliers: [1, 1, 1, 1], resBlocks: 1, grid: 6 },
    });
    const weights = deterministicVq(wide);
    const map = 4 * 8 * 48 ** 2;
    const peak = peakBytes(() => decodeVq(wide, weights, new Int32Array(36)).dispose());
    disposeVqParameters(weights);
    expect(peak / map).toBeGreaterThan(3);
    expect(peak / map).toBeLessThan(4.2);
  });

  it('is not recorded for gradients, which would keep every feature map', async () => {
    const decode = () => decodeVq(config, parameters, new Int32Array(16));
    const alone = peakBytes(() => decode().dispose());
    const x = tf.variable(tf.scalar(2));
    const loss = () => tf.tidy(() => tf.mul(tf.square(x), tf.sum(decode()))) as tf.Scalar;
    await expectNoLeak(() => {
      const peak = peakBytes(() => {
        const { value, grads } = tf.variableGrads(loss, [x]);
        tf.dispose([value, grads as unknown as tf.TensorContainer]);
      });
      expect(peak).toBeLessThan(1.1 * alone);
    });
    x.dispose();
  });

  it('leaves nothing behind when a stage fails', async () => {
    const broken = { ...parameters, output: { ...parameters.output, bias: tf.zeros([4]) } };
    await expectNoLeak(() => {
      expect(() => decodeVq(config, broken, new Int32Array(16))).toThrow();
    });
    broken.output.bias.dispose();
  });

  it('decodes an entry of the codebook that has no direction', async () => {
    const codebook = tf.zeros([64, 8]);
    const pixels = await valuesOf(decodeVq(config, { ...parameters, codebook }, new Int32Array(16)));
    expect(pixels.every(Number.isFinite)).toBe(true);
    codebook.dispose();
  });

  it('refuses codes that are no pictures', () => {
    const refuse = (codes: Int32Array | tf.Tensor2D, code: string, message: RegExp) =>
      expect(() => decodeVq(config, parameters, codes)).toThrowError(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    refuse(new Int32Array(17), 'shape', /17 codes are no whole number of pictures; each has 4 · 4 = 16/);
    refuse(
      Int32Array.from({ length: 32 }, (_, i) => (i === 20 ? 64 : 0)),
      'token-range',
      /code 64 of picture 1, position 4, is outside \[0, 64\)/,
    );
    refuse(new Int32Array(16).fill(-1), 'token-range', /code -1 of picture 0, position 0/);
    tf.tidy(() => {
      refuse(tf.zeros([1, 15], 'int32'), 'shape', /codes has shape \[1, 15\]/);
      refuse(tf.zeros([1, 16]), 'value', /codes have dtype float32.*tf\.cast/);
      expect(decodeVq(config, parameters, new Int32Array(0)).shape).toEqual([0, 16, 16, 3]);
    });
  });
});
