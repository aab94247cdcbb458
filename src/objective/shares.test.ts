import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { combineRewards } from './combine.js';
import type { RewardTable } from './reward-table.js';
import { rewardShares } from './shares.js';

const NAMES = ['a', 'b', 'c'];
const G = 4;

/** Scores of three rewards, some of them missing. */
const tables = fc
  .array(
    fc.array(fc.oneof({ weight: 5, arbitrary: fc.integer({ min: -9, max: 9 }) }, fc.constant(Number.NaN)), {
      minLength: 3,
      maxLength: 3,
    }),
    { minLength: 2 * G, maxLength: 2 * G },
  )
  .map((rows): RewardTable => ({ names: NAMES, values: Float64Array.from(rows.flat()), rows: rows.length }));
const inputs = fc.record({
  table: tables,
  weights: fc.array(fc.constantFrom(-1, 0, 0.5, 1, 3), { minLength: 3, maxLength: 3 }),
  groupSize: fc.constant(G),
  aggregation: fc.constantFrom('sum-then-normalize' as const, 'normalize-then-sum' as const),
  abstention: fc.constantFrom('neutral' as const, 'zero' as const),
});

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** `[N, K]` of independent unit noise. */
function noise(rows: number, names: readonly string[]): RewardTable {
  return { names, values: Float64Array.from(normalValues(uniformStream(1), rows * names.length)), rows };
}

describe('rewardShares', () => {
  it('add up to 1, or are all 0 where the advantages are', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const shares = Object.values(rewardShares(input));
        expect(shares).toHaveLength(input.weights.filter((weight) => weight !== 0).length);
        expect(shares.every(Number.isFinite)).toBe(true);
        const total = sum(shares);
        const flat = Math.abs(total) < 1e-9;
        if (!flat) expect(total).toBeCloseTo(1, 9);
        const { advantages } = combineRewards(input.table, input);
        const informative = Math.max(...advantages.map(Math.abs)) > 1e-3;
        expect(flat && informative).toBe(false);
      }),
    );
  });

  it('do not change when a reward is shifted, or all weights are scaled', () => {
    fc.assert(
      fc.property(inputs, fc.integer({ min: -50, max: 50 }), (input, shift) => {
        fc.pre(input.abstention === 'neutral');
        const shifted = {
          ...input,
          table: {
            ...input.table,
            values: input.table.values.map((value, i) => (i % 3 === 0 ? value + shift : value)),
          },
          weights: input.weights.map((weight) => 2 * weight),
        };
        const [before, after] = [Object.values(rewardShares(input)), Object.values(rewardShares(shifted))];
        after.forEach((share, k) => {
          expect(share).toBeCloseTo(before[k] as number, 6);
        });
      }),
    );
  });

  it('are those of the variances for independent rewards, and do not know scales after normalising', () => {
    const table = noise(4000, ['one', 'ten']);
    const input = { table, weights: [1, 10], groupSize: 8 };
    expect(rewardShares(input).ten).toBeCloseTo(100 / 101, 2);
    const scaled = { ...table, values: table.values.map((value, i) => (i % 2 === 1 ? 10 * value : value)) };
    const normalised = { table: scaled, groupSize: 8, aggregation: 'normalize-then-sum' } as const;
    expect(rewardShares(normalised).ten).toBeCloseTo(0.5, 2);
    expect(rewardShares({ table: scaled, groupSize: 8 }).ten).toBeCloseTo(100 / 101, 2);
  });

  it('count groups as the advantages do: each the same, or by variance', () => {
    // In the first group only a varies, in the second only b, a hundred times as much.
    const values = Float64Array.of(0, 0, 1, 0, 0, 0, 0, 100);
    const table = { names: ['a', 'b'], values, rows: 4 };
    expect(rewardShares({ table, groupSize: 2 })).toEqual({ a: 0.5, b: 0.5 });
    const { a } = rewardShares({ table, groupSize: 2, scale: 'none' });
    expect(a).toBeCloseTo(1 / 10001, 12);
  });

  it('leave out rewards of weight 0, and refuse what does not fit', () => {
    const table = noise(8, ['a', 'b']);
    expect(rewardShares({ table, weights: [0, 1], groupSize: 4 })).toEqual({ b: 1 });
    expect(rewardShares({ table: { ...table, values: new Float64Array(16) }, groupSize: 4 })).toEqual({
      a: 0,
      b: 0,
    });
    expect(() => rewardShares({ table, weights: [1], groupSize: 4 })).toThrow(/one weight per reward/);
    expect(() => rewardShares({ table, groupSize: 3 })).toThrow(/groups of 3/);
  });
});
