import { describe, expect, it } from 'vitest';
import { type EvaluationCase, evaluationOf } from '../../test/support/evaluations.js';
import { abstain, failure, score } from '../rewards/reward.js';
import { bootstrap } from './bootstrap.js';
import { formatSummary } from './format.js';
import { rewardMeasures } from './measures.js';
import { type SummaryRow, summarize } from './summarize.js';

const { NaN: none } = Number;
const by = (prompt: string): string => prompt.split(' ')[0] as string;
const FAST = { resamples: 99 };

/** Prompts of two types; the judge abstains on one prompt, fails on a sample, and never speaks about places. */
const CASE: EvaluationCase = {
  prompts: ['count a', 'count b', 'place c', 'count d'],
  total: [
    [1, 0, none],
    [0.5, 0.5, 0.5],
    [2, 3, 4],
    [1, 1, 0.25],
  ],
  members: {
    rules: [
      [score(1), score(0), failure('no detector')],
      [score(0.5), score(0.5), score(0.5)],
      [score(2), score(3), score(4)],
      [score(1), score(1), score(0.25)],
    ],
  },
  monitors: {
    judge: [
      [score(1), score(0), failure('timed out')],
      [abstain(), abstain(), abstain()],
      [abstain(), abstain(), abstain()],
      [score(1), score(1), score(0)],
    ],
  },
};

const find = (rows: readonly SummaryRow[], measure: string, type: string | null): SummaryRow =>
  rows.find((row) => row.measure === measure && row.type === type) as SummaryRow;

describe('summarize', () => {
  const { rows } = summarize(evaluationOf(CASE), { ...FAST, by });

  it('has a row for every measure, of all prompts and of each type', () => {
    expect(rows.map(({ measure, type }) => `${measure} ${type}`)).toEqual(
      ['total', 'rules', 'judge'].flatMap((name) => [`${name} null`, `${name} count`, `${name} place`]),
    );
    expect(summarize(evaluationOf(CASE), FAST).rows).toEqual(rows.filter(({ type }) => type === null));
  });

  it('never counts an abstention or a failure as a zero', () => {
    const judged = bootstrap(
      [
        [1, 0],
        [1, 1, 0],
      ],
      FAST,
    );
    expect(find(rows, 'judge', null)).toEqual({
      ...{ measure: 'judge', type: null, mean: judged.estimate, low: judged.low, high: judged.high },
      ...{ prompts: 2, samples: 5, abstained: 6, failed: 1, failureReason: 'timed out' },
    });
    expect(judged.estimate).toBeCloseTo((1 / 2 + 2 / 3) / 2, 15);
    expect(find(rows, 'total', 'count')).toMatchObject({ prompts: 3, samples: 8, failed: 1, abstained: 0 });
    expect(find(rows, 'total', null)).toMatchObject({ failureReason: 'rules: no detector' });
  });

  it('says in words that nobody spoke, and that one prompt says little', () => {
    expect(find(rows, 'judge', 'place')).toMatchObject({
      ...{ mean: none, low: none, high: none, prompts: 0, samples: 0, abstained: 3 },
      note: 'no sample has a score: 3 abstained',
    });
    expect(find(rows, 'total', 'place')).toMatchObject({
      ...{ mean: 3, low: none, prompts: 1, samples: 3 },
      note: expect.stringMatching(/one unit only/),
    });
  });

  it('takes measures of its own and intervals of these very prompts', () => {
    const evaluation = evaluationOf(CASE);
    const own = summarize(evaluation, {
      ...{ ...FAST, confidence: 0.5, resample: [false, true] },
      measures: { ...rewardMeasures(evaluation), long: ({ sample }) => score(sample.prompt.length) },
    });
    expect(own.confidence).toBe(0.5);
    expect(find(own.rows, 'long', null)).toMatchObject({ mean: 7, samples: 12 });
    expect(find(own.rows, 'rules', null).low).toBeLessThan(find(own.rows, 'rules', null).high);
    expect(() => summarize(evaluation, { per: by } as object)).toThrow(/no option 'per'/);
    const clash = evaluationOf({ ...CASE, members: { total: CASE.members.rules as never } });
    expect(() => summarize(clash, FAST)).toThrow(/a reward is called 'total'/);
  });
});

describe('formatSummary', () => {
  it('is a table whose columns stand in line, with notes below', () => {
    const text = formatSummary(summarize(evaluationOf(CASE), { ...FAST, by }), { scale: 100, digits: 1 });
    const [head, rule, ...lines] = text.split('\n');
    expect(head).toMatch(/^\| measure \| prompts of \| +mean \| +95 % interval \| prompts \|/);
    const table = [rule, ...lines.filter((line) => line.startsWith('|'))] as string[];
    expect(new Set(table.map(({ length }) => length))).toEqual(new Set([head?.length]));
    expect(text).toMatch(/\| judge +\| place +\| +– \| +– \| +0 \| +0 \| +3 \| +0 \|/);
    expect(text).toContain('- judge, place: no sample has a score: 3 abstained.');
    expect(text).toContain('- total, all: rules: no detector.');
    expect(text).toMatch(/\| rules +\| place +\| +300\.0 \|/);
  });
});
