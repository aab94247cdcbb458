import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prepareReward, type RewardPreparation, rankWithinGroups } from './normalize-reward.js';

const NONE = Number.NaN;
const prepared = (scores: readonly number[], groupSize: number, preparation: RewardPreparation) => [
  ...prepareReward(Float64Array.from(scores), groupSize, preparation),
];

describe('prepareReward', () => {
  it('takes scores as they are, clips them, or both standardises and clips', () => {
    expect(prepared([1, NONE, 3], 3, {})).toEqual([1, NONE, 3]);
    expect(prepared([-5, NONE, 0.5, 7], 2, { clip: [0, 1] })).toEqual([0, NONE, 0.5, 1]);
    // Clipped to 0, 1, 1: mean ⅔, deviation 1/√3.
    const scores = prepareReward(Float64Array.of(-5, 1, 9), 3, { clip: [0, 1], normalize: 'group' }, 0);
    expect(scores).toBeAllclose([-2 / Math.sqrt(3), 1 / Math.sqrt(3), 1 / Math.sqrt(3)], 1e-12);
  });

  it('does not know scales after standardising', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 4, maxLength: 4 }), (scores) => {
        const loud = scores.map((value) => 1000 * value);
        const [one, other] = [scores, loud].map((all) =>
          prepareReward(Float64Array.from(all), 4, { normalize: 'group' }, 0),
        );
        expect(other).toBeAllclose(one as Float64Array, 1e-9);
      }),
    );
  });

  it('ranks within groups, equal scores alike', () => {
    expect([...rankWithinGroups([10, 30, 20, 5, 5, 9], 3)]).toEqual([0, 1, 0.5, 0.25, 0.25, 1]);
    expect([...rankWithinGroups([1, NONE, 3, NONE, 7, NONE], 3)]).toEqual([0, NONE, 1, NONE, 0.5, NONE]);
    expect([...rankWithinGroups([4, 4, 4], 3)]).toEqual([0.5, 0.5, 0.5]);
  });

  it('has ranks that only the order decides, with a mean of ½', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 5, maxLength: 5 }), (scores) => {
        const ranks = rankWithinGroups(scores, 5);
        expect(ranks.reduce((sum, rank) => sum + rank, 0) / 5).toBeCloseTo(0.5, 12);
        expect([
          ...rankWithinGroups(
            scores.map((value) => Math.exp(value)),
            5,
          ),
        ]).toEqual([...ranks]);
      }),
    );
  });

  it.each([
    [{ clip: [1, 0] }, /clip is \[1,0\]/],
    [{ clip: [0, Number.POSITIVE_INFINITY] }, /two finite numbers/],
    [{ clip: 1 }, /clip is 1/],
    [{ normalize: 'batch' }, /normalize is "batch"/],
    [{ normalise: 'group' }, /no option 'normalise'/],
  ])('refuses %o', (preparation, message) => {
    expect(() => prepared([1, 2], 2, preparation as unknown as RewardPreparation)).toThrow(message);
  });
});
