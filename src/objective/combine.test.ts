import { describe, expect, it } from 'vitest';
import fixture from '../../test/fixtures/grpo-losses.json';
import { isBicotError } from '../errors.js';
import { type CombineOptions, combineRewards } from './combine.js';
import type { RewardTable } from './reward-table.js';
import { rewardTotal } from './total.js';

const NONE = Number.NaN;

/** A table from rows of scores. */
function table(rows: readonly (readonly (number | null)[])[], names = ['a', 'b', 'c']): RewardTable {
  const values = Float64Array.from(rows.flatMap((row) => row.map((value) => value ?? NONE)));
  return { names: names.slice(0, rows[0]?.length), values, rows: rows.length };
}

function codeOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return isBicotError(error) ? error.code : error;
  }
  return 'no error';
}

describe('combineRewards', () => {
  const { rewards_per_func, weights, G, out } = fixture.advantages;
  const modes: [keyof typeof out, Partial<CombineOptions>][] = [
    ['sum_then_normalize/group', { scale: 'group' }],
    ['sum_then_normalize/batch', { scale: 'batch' }],
    ['sum_then_normalize/none', { scale: 'none' }],
    ['normalize_then_sum/group', { aggregation: 'normalize-then-sum' }],
  ];
  for (const [name, options] of modes) {
    it(`equals TRL: ${name}`, () => {
      const combined = combineRewards(table(rewards_per_func), {
        weights,
        groupSize: G,
        abstention: 'zero',
        ...options,
      });
      expect(combined.advantages).toBeAllclose(out[name], 1e-6);
    });
  }

  it('needs no abstention rule for GDPO', () => {
    const options = { weights, groupSize: G, aggregation: 'normalize-then-sum' } as const;
    const { advantages } = combineRewards(table(rewards_per_func), { ...options, abstention: 'neutral' });
    expect(advantages).toBeAllclose(out['normalize_then_sum/group'], 1e-6);
  });

  it('lets no reward dominate by its scale under normalize-then-sum', () => {
    const rows = [
      [0, 300],
      [1, 100],
      [2, 200],
      [3, 0],
    ];
    const rescaled = rows.map(([a, b]) => [a as number, (b as number) / 1000]);
    const options = { groupSize: 4, aggregation: 'normalize-then-sum', epsilon: 0 } as const;
    expect(combineRewards(table(rescaled), options).advantages).toBeAllclose(
      combineRewards(table(rows), options).advantages,
    );
    expect(combineRewards(table(rows), options).total).toBeAllclose([300, 101, 202, 3]);
  });

  it('gives 0 and not 0/0 under normalize-then-sum without an epsilon', () => {
    const options = { groupSize: 2, aggregation: 'normalize-then-sum', epsilon: 0 } as const;
    const flat = combineRewards(table([[5], [5], [5], [5]]), options);
    expect([...flat.advantages]).toEqual([0, 0, 0, 0]);
    // One reward is flat in one group; the other decides there.
    const mixed = combineRewards(
      table([
        [5, 1],
        [5, 3],
        [2, 4],
        [0, 4],
      ]),
      options,
    );
    const size = Math.sqrt(3) / 2; // four scores of ±1/√2, whose deviation is √(4 · ½ / 3)
    expect(mixed.advantages).toBeAllclose([-size, size, size, -size]);
  });

  it('refuses a scale that normalize-then-sum would ignore', () => {
    const options = { groupSize: 2, aggregation: 'normalize-then-sum' } as const;
    const good = table([[1], [2]]);
    for (const scale of ['batch', 'none'] as const) {
      expect(codeOf(() => combineRewards(good, { ...options, scale }))).toBe('value');
      expect(() => combineRewards(good, { ...options, scale })).toThrow(/'normalize-then-sum'.*scale/);
    }
    expect(codeOf(() => combineRewards(good, { ...options, scale: 'group' }))).toBe('no error');
  });

  it('makes abstention neither help nor hurt', () => {
    // The second reward is silent on sample 1; its mean over the group's others is 0.6.
    const rows = [
      [0.2, 0.9],
      [0.4, null],
      [0.6, 0.3],
    ];
    const { total, advantages } = combineRewards(table(rows), { groupSize: 3, scale: 'none' });
    expect(total).toBeAllclose([1.1, 1.0, 0.9]);
    expect(advantages).toBeAllclose([0.1, 0, -0.1]);
    const zero = combineRewards(table(rows), { groupSize: 3, scale: 'none', abstention: 'zero' });
    expect(zero.advantages[1]).toBeLessThan(-0.3);
  });

  it('fills in the mean of the same group only, and nothing where a reward never spoke', () => {
    const rows = [
      [1, null],
      [2, null],
      [3, 10],
      [4, null],
    ];
    expect(rewardTotal(table(rows), { groupSize: 2 })).toBeAllclose([1, 2, 13, 14]);
    expect(rewardTotal(table(rows), { groupSize: 2, weights: [1, 0.5] })).toBeAllclose([1, 2, 8, 9]);
    expect(rewardTotal(table(rows), { groupSize: 2, abstention: 'zero' })).toBeAllclose([1, 2, 13, 4]);
  });

  it('marks samples that nothing scored, rewards of weight 0 aside', () => {
    const rows = [
      [1, 5],
      [null, null],
      [3, 5],
      [null, 5],
    ];
    const options = { groupSize: 4, weights: [1, 0] };
    const { total, advantages } = combineRewards(table(rows), options);
    expect([...total]).toEqual([1, NONE, 3, NONE]);
    expect(advantages).toBeAllclose([-Math.SQRT1_2, 0, Math.SQRT1_2, 0], 1e-4);
    expect([...rewardTotal(table(rows), { ...options, abstention: 'zero' })]).toEqual([1, NONE, 3, 0]);
  });

  it('refuses tables that do not fit', () => {
    const good = table([[1], [2]]);
    expect(codeOf(() => combineRewards(good, { groupSize: 1 }))).toBe('group-size');
    expect(codeOf(() => combineRewards(table([[1], [2], [3]]), { groupSize: 2 }))).toBe('shape');
    expect(codeOf(() => combineRewards(good, { groupSize: 2, weights: [1, 2] }))).toBe('shape');
    expect(codeOf(() => combineRewards({ ...good, rows: 4 }, { groupSize: 2 }))).toBe('shape');
    expect(codeOf(() => combineRewards(good, { groupSize: 2, weights: [NONE] }))).toBe('non-finite');
    expect(codeOf(() => combineRewards(table([[1], [1 / 0]]), { groupSize: 2 }))).toBe('non-finite');
    const empty = { names: [], values: new Float64Array(), rows: 2 };
    expect(codeOf(() => rewardTotal(empty, { groupSize: 2 }))).toBe('reward');
  });
});
