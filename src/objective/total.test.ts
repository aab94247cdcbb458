import { describe, expect, it } from 'vitest';
import { combineRewards } from './combine.js';
import type { RewardTable } from './reward-table.js';
import { rewardShares } from './shares.js';
import { rewardTotal, type TotalOptions } from './total.js';

const NONE = Number.NaN;
const table = (rows: readonly (readonly number[])[]): RewardTable => ({
  names: ['a', 'b', 'c'].slice(0, rows[0]?.length),
  values: Float64Array.from(rows.flat()),
  rows: rows.length,
});
const ROWS = [
  [0.5, 0.2],
  [1, 0.9],
  [0, 0.4],
  [0.25, NONE],
];

describe('rewardTotal', () => {
  it('multiplies, with weights as exponents; an abstention counts as the mean', () => {
    const total = rewardTotal(table(ROWS), { groupSize: 4, combination: 'product', weights: [2, 1] });
    expect(total).toBeAllclose([0.25 * 0.2, 0.9, 0, 0.0625 * 0.5], 1e-12);
  });

  it('takes the worst', () => {
    const total = rewardTotal(table(ROWS), { groupSize: 4, combination: 'min', weights: [1, 2] });
    expect(total).toBeAllclose([0.4, 1, 0, 0.25], 1e-12);
  });

  it('leaves a reward out that scored nobody in a group, and a sample that nobody scored', () => {
    const rows = [
      [0.5, NONE],
      [0.25, NONE],
      [NONE, NONE],
      [0.5, 0.5],
    ];
    for (const [combination, last] of [
      ['product', 0.25],
      ['min', 0.5],
    ] as const) {
      const total = rewardTotal(table(rows), { groupSize: 2, combination });
      expect([...total]).toEqual([0.5, 0.25, NONE, last]);
    }
  });

  it('prepares each reward in its own way', () => {
    const rows = [
      [10, -7],
      [30, 3],
      [20, 0.5],
    ];
    const preparations = [{ normalize: 'rank' }, { clip: [0, 1] }] as const;
    expect(rewardTotal(table(rows), { groupSize: 3, preparations })).toBeAllclose([0, 2, 1]);
    const product = { groupSize: 3, preparations, combination: 'product' } as const;
    expect(rewardTotal(table(rows), product)).toBeAllclose([0, 1, 0.25]);
    const alone = { groupSize: 1, preparations: [{ normalize: 'group' }, {}] } as const;
    expect(rewardTotal(table(rows), alone)).toBeAllclose([-7, 3, 0.5]);
  });

  it('lets GDPO clip and rank, but neither multiply nor standardise twice', () => {
    const options = { groupSize: 2, aggregation: 'normalize-then-sum' } as const;
    const clipped = combineRewards(table([[5], [9], [1], [0]]), {
      ...options,
      preparations: [{ clip: [0, 5] }],
    });
    expect(clipped.advantages[0]).toBeCloseTo(0, 6);
    expect(clipped.advantages[2]).toBeGreaterThan(1);
    const wrong = [{ combination: 'product' as const }, { preparations: [{ normalize: 'group' as const }] }];
    for (const more of wrong) {
      expect(() => combineRewards(table([[5], [9]]), { ...options, ...more })).toThrow(/normalize-then-sum/);
    }
  });

  it.each<[string, Omit<TotalOptions, 'groupSize'>, RegExp]>([
    ['a way that is none', { combination: 'mean' as 'sum' }, /combination is "mean"/],
    ['weights that turn a product over', { combination: 'product', weights: [1, -1] }, /weight of "b" is -1/],
    ['a minimum without a part', { combination: 'min', weights: [0, 1] }, /weight of "a" is 0/],
    [
      'standard scores in a product',
      { combination: 'product', preparations: [{}, { normalize: 'group' }] },
      /"b" is normalised to standard scores/,
    ],
    ['zeros for abstentions in a product', { combination: 'product', abstention: 'zero' }, /'zero'/],
    ['too few preparations', { preparations: [{}] }, /preparations/],
  ])('refuses %s', (_, options, message) => {
    expect(() => rewardTotal(table(ROWS), { groupSize: 4, ...options })).toThrow(message);
  });

  it('refuses negative scores in a product, by name', () => {
    expect(() => rewardTotal(table([[-1], [2]]), { groupSize: 2, combination: 'product' })).toThrow(
      /"a" gave sample 0 the score -1/,
    );
  });
});

describe('rewardShares of other combinations', () => {
  it('are those of the sum where a product is one, in logarithms nearly', () => {
    // Small deviations: t ≈ Π means · (1 + Σ w_k δ_k), so shares are those of w_k δ_k.
    const deviations = [
      [1, 1],
      [-1, 1],
      [1, -1],
      [-1, -1],
    ];
    const rows = deviations.map(([a, b]) => [1 + 1e-4 * (a as number), 5 * (1 + 3e-4 * (b as number))]);
    const shares = rewardShares({ table: table(rows), groupSize: 4, combination: 'product' });
    expect(shares.a).toBeCloseTo(0.1, 3);
    expect(shares.b).toBeCloseTo(0.9, 3);
  });

  it('give all to the reward that is always the worst', () => {
    const rows = [
      [0.1, 5],
      [0.3, 9],
      [0.2, 7],
    ];
    const shares = rewardShares({ table: table(rows), groupSize: 3, combination: 'min' });
    expect(shares.a).toBeCloseTo(1, 12);
    expect(shares.b).toBeCloseTo(0, 12);
  });

  it('add up to 1, alike for rewards that do the same', () => {
    const rows = [
      [0.1, 0.9, 0.9],
      [0.8, 0.2, 0.2],
      [0.5, 0.4, 0.4],
    ];
    for (const combination of ['product', 'min'] as const) {
      const { a, b, c } = rewardShares({ table: table(rows), groupSize: 3, combination });
      expect((a as number) + (b as number) + (c as number)).toBeCloseTo(1, 12);
      expect(b).toBeCloseTo(c as number, 12);
    }
  });

  it('refuse more rewards than they can tell apart', () => {
    const names = Array.from({ length: 13 }, (_, k) => `r${k}`);
    const wide = { names, values: new Float64Array(26).fill(1), rows: 2 };
    expect(() => rewardShares({ table: wide, groupSize: 2, combination: 'min' })).toThrow(/13 rewards/);
  });
});
