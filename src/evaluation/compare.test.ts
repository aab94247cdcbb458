import { describe, expect, it } from 'vitest';
import { type EvaluationCase, evaluationOf } from '../../test/support/evaluations.js';
import { abstain, failure, score } from '../rewards/reward.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import type { Evaluation } from '../train/evaluate.js';
import { bootstrap } from './bootstrap.js';
import { type ComparisonRow, compareEvaluations } from './compare.js';
import { formatComparison } from './format.js';
import { holm } from './holm.js';
import { type Measure, rewardMeasures } from './measures.js';
import { signFlipTest } from './sign-flip.js';

const { NaN: none } = Number;
const FAST = { resamples: 99, flips: 99 };
const by = (prompt: string): string => prompt.split(' ')[0] as string;

/** A single reward, whose scores are the totals; NaN is an abstention. */
function caseOf(total: readonly (readonly number[])[], types: readonly string[] = ['x']): EvaluationCase {
  return {
    prompts: total.map((_, i) => `${types[i % types.length]} ${i}`),
    total,
    members: {
      reward: total.map((row) => row.map((value) => (Number.isNaN(value) ? abstain() : score(value)))),
    },
  };
}

const compare = (a: EvaluationCase, b: EvaluationCase, options = {}) =>
  compareEvaluations(evaluationOf(a), evaluationOf(b), { ...FAST, ...options });

/** `[prompts][2]`: normal numbers, those of one prompt alike. */
function drawn(key: string, prompts: number, shift = 0): number[][] {
  const values = normalValues(uniformStream(key), 3 * prompts);
  return Array.from({ length: prompts }, (_, i) =>
    [1, 2].map((k) => (values[3 * i] as number) + 0.3 * (values[3 * i + k] as number) + shift),
  );
}

describe('compareEvaluations', () => {
  const [before, after] = [drawn('a', 12), drawn('b', 12, 0.5)];
  const differences = after.map((row, i) => row.map((value, k) => value - (before[i]?.[k] as number)));
  const means = differences.map(([x = 0, y = 0]) => (x + y) / 2);

  it('pairs samples, and counts prompts', () => {
    const { rows, confidence } = compare(caseOf(before), caseOf(after));
    const { estimate, low, high } = bootstrap(differences, { resamples: 99 });
    const wins = means.filter((value) => value > 0).length;
    const row: Partial<ComparisonRow> = {
      ...{ measure: 'total', type: null, difference: estimate, low, high },
      ...{ wins, ties: 0, losses: 12 - wins, prompts: 12, pairs: 24, unpaired: 0 },
    };
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject(row);
    expect(rows[0]?.p).toBe(signFlipTest(means, { flips: 99 }));
    expect(rows[0]?.pHolm).toBe(rows[0]?.p);
    expect((rows[0]?.b as number) - (rows[0]?.a as number)).toBeCloseTo(estimate, 12);
    expect(rows[1]).toEqual({ ...rows[0], measure: 'reward' });
    expect(confidence).toBe(0.95);
  });

  it('is sharper than two intervals where prompts differ more than checkpoints', () => {
    const better = before.map((row, i) => row.map((value) => value + 0.2 + 0.01 * (i % 3)));
    const [total] = compare(caseOf(before), caseOf(better)).rows as [ComparisonRow];
    expect(total.low).toBeGreaterThan(0.2);
    expect(total.p).toBe(0.01);
    const alone = bootstrap(before, { resamples: 99 });
    expect(total.high - total.low).toBeLessThan((alone.high - alone.low) / 50);
  });

  it('turned round, has the opposite signs', () => {
    const [there] = compare(caseOf(before), caseOf(after)).rows as [ComparisonRow];
    const [back] = compare(caseOf(after), caseOf(before)).rows as [ComparisonRow];
    expect(back).toMatchObject({ wins: there.losses, losses: there.wins, p: there.p });
    expect(back.difference).toBeCloseTo(-there.difference, 14);
  });

  it('of a checkpoint with itself is a tie', () => {
    const [total] = compare(caseOf(before), caseOf(before)).rows;
    expect(total).toMatchObject({ difference: 0, low: 0, high: 0, p: 1, wins: 0, ties: 12, losses: 0 });
    expect(total?.note).toMatch(/all units are equal/);
    // 0.1 + 0.2 − 0.3 is not 0 in floating point.
    const [rounded] = compare(
      caseOf([
        [0.1, 0.2],
        [1, 1],
      ]),
      caseOf([
        [0.3, 0],
        [2, 1],
      ]),
    ).rows;
    expect(rounded).toMatchObject({ wins: 1, ties: 1, losses: 0 });
  });

  it('corrects p for the number of types, each reward by itself', () => {
    const types = ['p', 'q', 'r'];
    const { rows } = compare(caseOf(before, types), caseOf(after, types), { by });
    const totals = rows.filter(({ measure }) => measure === 'total');
    expect(totals.map(({ type }) => type)).toEqual([null, ...types]);
    const [all, ...byType] = totals as [ComparisonRow, ...ComparisonRow[]];
    expect(all.pHolm).toBe(all.p);
    expect(byType.map(({ p }) => p)).toEqual(
      types.map((_, t) => signFlipTest(means.filter((_, i) => i % 3 === t))),
    );
    expect(byType.map(({ pHolm }) => pHolm)).toEqual(holm(byType.map(({ p }) => p)));
    expect(byType.some(({ p, pHolm }) => pHolm > p)).toBe(true);
  });

  it('leaves out what one side has no score of, never as a zero, and says so', () => {
    const a = caseOf([
      [1, none],
      [2, 3],
      [none, none],
      [4, 5],
    ]);
    const b = caseOf([
      [2, 9],
      [none, 4],
      [8, 8],
      [5, 7],
    ]);
    const [, reward] = compare(a, b).rows;
    expect(reward).toMatchObject({ b: 4, prompts: 3, pairs: 4, unpaired: 4, wins: 3 });
    expect(reward?.a).toBeCloseTo(17 / 6, 14);
    expect(reward?.difference).toBeCloseTo((1 + 1 + 1.5) / 3, 14);
    const never = caseOf([
      [none, none],
      [none, none],
      [none, none],
      [none, none],
    ]);
    expect(compare(a, never).rows[1]).toMatchObject({
      ...{ a: none, b: none, difference: none, low: none, p: none, pHolm: none },
      ...{ wins: 0, ties: 0, losses: 0, prompts: 0, pairs: 0, unpaired: 8 },
      note: 'no sample has a score on both sides',
    });
    const failed = { ...a, members: { reward: a.total.map((row) => row.map(() => failure('down'))) } };
    expect(compare(failed, b).rows[1]?.unpaired).toBe(8);
  });

  it.each<[string, Partial<EvaluationCase>, RegExp]>([
    ['prompts', { prompts: ['x 0', 'x 7'] }, /prompt 1 is "x 1" in one and "x 7" in the other/],
    ['fewer prompts', caseOf([[1, 2]]), /2 and 1 prompts/],
    ['seeds', { seed: 5 }, /seeds are 0 and 5/],
    ['numbers of samples', caseOf([[1], [1]]), /4 and 2 samples, which do not pair up/],
    ['rewards', { monitors: { judge: [] } }, /judge was measured in one of them only/],
  ])('refuses other %s', (_, other, words) => {
    const one = caseOf([
      [1, 2],
      [3, 4],
    ]);
    expect(() => compare(one, { ...one, ...other })).toThrow(words);
  });

  it('takes one side from a file, and measures that both can have', () => {
    const saved: Evaluation<string> = JSON.parse(
      JSON.stringify(
        evaluationOf(
          caseOf([
            [1, none],
            [2, 3],
          ]),
        ),
      ),
    );
    const now = evaluationOf({
      ...caseOf([
        [2, 2],
        [3, 3],
      ]),
      monitors: { judge: [] },
    });
    const { total } = rewardMeasures(saved);
    const measures = { total: total as Measure<string> };
    const [row] = compareEvaluations(saved, now, { ...FAST, measures }).rows;
    expect(row).toMatchObject({ measure: 'total', pairs: 3, unpaired: 1 });
    const broken = { mine: () => score(none) };
    expect(() => compareEvaluations(now, now, { ...FAST, measures: broken })).toThrow(
      /'mine' gave prompt 0 .*NaN/,
    );
    expect(() => compareEvaluations(now, now, { ...FAST, judge: true } as object)).toThrow(
      /no option 'judge'/,
    );
  });
});

describe('formatComparison', () => {
  it('is a table whose columns stand in line', () => {
    const types = ['p', 'q'];
    const text = formatComparison(
      compare(caseOf(drawn('a', 9), types), caseOf(drawn('b', 9), types), { by }),
    );
    const lines = text.split('\n');
    expect(lines).toHaveLength(8);
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
    expect(lines[2]).toMatch(/^\| total +\| all +\| +-?\d\.\d{3} \| .* \| 0\.\d{4} \| +\| +\d\/0\/\d \|/);
    expect(lines[3]).toMatch(/^\| total +\| p +\| .* \| [01]\.\d{4} \| +[01]\.\d{4} \|/);
  });
});
