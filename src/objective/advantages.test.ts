import { describe, expect, it } from 'vitest';
import { isBicotError } from '../errors.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { type AdvantageOptions, groupAdvantages, normalizeWithinGroups } from './advantages.js';

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

function codeOf(rewards: number[], options: AdvantageOptions): unknown {
  try {
    groupAdvantages(rewards, options);
  } catch (error) {
    return isBicotError(error) ? error.code : error;
  }
  return 'no error';
}

describe('groupAdvantages', () => {
  it('uses the Bessel-corrected deviation', () => {
    // ±1/√2 and not ±1; one outlier among G reaches (G − 1)/√G.
    expect(groupAdvantages([3, 1], { groupSize: 2 }).advantages).toBeAllclose(
      [Math.SQRT1_2, -Math.SQRT1_2],
      1e-4,
    );
    const { advantages } = groupAdvantages([0, 0, 0, 0, 0, 0, 0, 100], { groupSize: 8 });
    expect(advantages[7]).toBeCloseTo(7 / Math.sqrt(8), 4);
  });

  it('sums to 0 in a group and ignores an offset of the group', () => {
    const rewards = normalValues(uniformStream('advantages'), 12);
    const shifted = rewards.map((reward, i) => reward + (i < 4 ? 5 : -3));
    for (const scale of ['group', 'none'] as const) {
      const { advantages } = groupAdvantages(rewards, { groupSize: 4, scale });
      for (let start = 0; start < 12; start += 4) {
        expect(sum(advantages.slice(start, start + 4))).toBeCloseTo(0, 5);
      }
      expect(groupAdvantages(shifted, { groupSize: 4, scale }).advantages).toBeAllclose(advantages, 1e-5);
    }
  });

  it('divides by what the scale says', () => {
    const rewards = [0, 2, 10, 14];
    // Group deviations √2 and 2√2; the batch's mean is 6.5 and its squares sum to 131.
    const root = Math.SQRT2;
    expect(groupAdvantages(rewards, { groupSize: 2, epsilon: 0 }).advantages).toBeAllclose([
      -1 / root,
      1 / root,
      -1 / root,
      1 / root,
    ]);
    const batch = Math.sqrt(131 / 3);
    expect(groupAdvantages(rewards, { groupSize: 2, scale: 'batch', epsilon: 0.5 }).advantages).toBeAllclose(
      [-1, 1, -2, 2].map((x) => x / (batch + 0.5)),
    );
    const none = groupAdvantages(rewards, { groupSize: 2, scale: 'none' });
    expect(none.advantages).toBeAllclose([-1, 1, -2, 2]);
    expect(none.groupStd).toBeAllclose([root, 2 * root]);
  });

  it('leaves samples that could not be scored out of the statistics', () => {
    const { advantages, groupStd } = groupAdvantages([1, Number.NaN, 3, Number.NaN, Number.NaN, 7], {
      groupSize: 3,
    });
    expect(advantages).toBeAllclose([-Math.SQRT1_2, 0, Math.SQRT1_2, 0, 0, 0], 1e-4);
    expect(groupStd).toBeAllclose([Math.SQRT2, 0]);
  });

  it('gives exactly 0 to groups without spread, and counts them', () => {
    // The plain mean of three times 0.1 is not 0.1 in float64.
    const result = groupAdvantages([0.1, 0.1, 0.1, 1, 2, 3], { groupSize: 3 });
    expect([...result.advantages.slice(0, 3)]).toEqual([0, 0, 0]);
    expect(result.zeroVarianceFraction).toBe(0.5);
  });

  it('gives 0 and not 0/0 to what has no spread, also without an epsilon', () => {
    for (const scale of ['group', 'batch', 'none'] as const) {
      const flat = groupAdvantages([5, 5, 5, 5], { groupSize: 2, scale, epsilon: 0 });
      expect([...flat.advantages]).toEqual([0, 0, 0, 0]);
    }
    const { advantages } = groupAdvantages([5, 5, 1, 3], { groupSize: 2, epsilon: 0 });
    expect(advantages).toBeAllclose([0, 0, -Math.SQRT1_2, Math.SQRT1_2]);
    // 0.1 + 0.2 is not 0.3 in float64: rounding must not become an opinion.
    expect([...groupAdvantages([0.1 + 0.2, 0.3], { groupSize: 2, epsilon: 0 }).advantages]).toEqual([0, 0]);
  });

  it('refuses options that make no sense, with words', () => {
    const scale = 'std' as 'group';
    expect(codeOf([1, 2], { groupSize: 2, scale })).toBe('value');
    expect(() => groupAdvantages([1, 2], { groupSize: 2, scale })).toThrow(
      /scale is "std"; use 'group', 'batch' or 'none'/,
    );
    for (const epsilon of [-1e-4, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf([1, 2], { groupSize: 2, epsilon })).toBe('value');
      expect(() => normalizeWithinGroups([1, 2], 2, epsilon)).toThrow(/epsilon is .*finite and not negative/);
    }
  });

  it('refuses what cannot be compared', () => {
    expect(codeOf([1, 2], { groupSize: 1 })).toBe('group-size');
    expect(codeOf([1, 2, 3], { groupSize: 2 })).toBe('shape');
    expect(codeOf([1, Number.POSITIVE_INFINITY], { groupSize: 2 })).toBe('non-finite');
    expect(codeOf([1, Number.NEGATIVE_INFINITY], { groupSize: 2 })).toBe('non-finite');
  });
});

describe('normalizeWithinGroups', () => {
  it('standardises each group and keeps NaN', () => {
    const scores = normalizeWithinGroups([1, 3, Number.NaN, 5, 5, 5], 3, 0);
    expect(scores.slice(0, 2)).toBeAllclose([-Math.SQRT1_2, Math.SQRT1_2]);
    expect(scores[2]).toBeNaN();
    expect(normalizeWithinGroups([5, 5, 5], 3)).toBeAllclose([0, 0, 0]);
    expect([...normalizeWithinGroups([5, 5, Number.NaN], 3, 0)]).toEqual([0, 0, Number.NaN]);
    expect([...normalizeWithinGroups([5, Number.NaN, Number.NaN], 3, 0)].slice(0, 1)).toEqual([0]);
  });
});
