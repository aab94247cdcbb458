import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { groupNorm } from './group-norm.js';

/** By the book in float64. */
function expected(
  x: Float32Array,
  channels: number,
  groups: number,
  gain: Float32Array,
  shift: Float32Array,
) {
  const size = channels / groups;
  const sums = { values: new Float64Array(groups), squares: new Float64Array(groups) };
  const groupOf = (i: number) => Math.floor((i % channels) / size);
  const count = x.length / groups;
  x.forEach((value, i) => {
    sums.values[groupOf(i)] = (sums.values[groupOf(i)] as number) + value / count;
  });
  x.forEach((value, i) => {
    const centred = value - (sums.values[groupOf(i)] as number);
    sums.squares[groupOf(i)] = (sums.squares[groupOf(i)] as number) + centred ** 2 / count;
  });
  return Array.from(x, (value, i) => {
    const [mean, variance] = [sums.values[groupOf(i)] as number, sums.squares[groupOf(i)] as number];
    const [scale, added] = [gain[i % channels] as number, shift[i % channels] as number];
    return ((value - mean) / Math.sqrt(variance + 1e-6)) * scale + added;
  });
}

describeOnBackends('groupNorm', () => {
  it.each([
    { side: 1, channels: 8, groups: 2, mean: 0, spread: 1 },
    { side: 7, channels: 8, groups: 8, mean: 0, spread: 1 },
    // A prime above the windows' side is averaged at once, others in several steps.
    { side: 23, channels: 12, groups: 4, mean: 0, spread: 1 },
    { side: 96, channels: 8, groups: 2, mean: 0, spread: 1 },
    // E[x²] − E[x]² would have no digit left.
    { side: 48, channels: 8, groups: 2, mean: 1000, spread: 1 },
    // Where what is added to the variance is half of it.
    { side: 4, channels: 8, groups: 4, mean: 0, spread: 1e-3 },
  ])('$side × $side, $channels channels in $groups groups around $mean ± $spread', async (each) => {
    const { side, channels, groups, mean, spread } = each;
    const stream = uniformStream('group-norm', side, channels);
    const values = normalValues(stream, side * side * channels).map((z) => z * spread + mean);
    const [gain, shift] = [normalValues(stream, channels), normalValues(stream, channels)];
    await expectNoLeak(async () => {
      const x = tf.tensor4d(Float32Array.from(values), [1, side, side, channels]);
      const norm = {
        weight: tf.tensor1d(Float32Array.from(gain)),
        bias: tf.tensor1d(Float32Array.from(shift)),
      };
      const y = groupNorm(x, norm, groups);
      expect(x.isDisposed).toBe(true);
      // Numbers near 1000 have 6e-5 between them, and so have the differences from their mean.
      const tolerance = mean === 0 ? 2e-6 : 3e-5;
      expect(await y.data()).toBeAllclose(expected(values, channels, groups, gain, shift), tolerance);
      tf.dispose([y, norm.weight, norm.bias]);
    });
  });

  it('gives the shift where all numbers of a group are equal', async () => {
    const norm = { weight: tf.ones([4]), bias: tf.tensor1d([1, 2, 3, 4]) };
    const y = groupNorm(tf.fill([1, 2, 2, 4], 5) as tf.Tensor4D, norm, 2);
    expect(Array.from(await y.data()).slice(0, 4)).toEqual([1, 2, 3, 4]);
    tf.dispose([y, norm.weight, norm.bias]);
  });
});
