import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { uniformStream } from '../../tensor/noise.js';
import type { Box, Detection } from '../detection.js';
import { numeracyScore, objectScore, type RuleRow, ruleScore } from '../rules.js';
import { relationScore, spatialScore } from '../spatial.js';
import { referenceLabels } from './labels.js';

const REFERENCE = { reference: true } as const;
const box = (x0: number, y0: number, x1: number, y1: number): Box => ({ x0, y0, x1, y1 });
const found = (noun: string, at: Box, score = 0.5): Detection => ({ noun, box: at, score });
const left = box(0.1, 0.4, 0.3, 0.6);
const right = box(0.6, 0.4, 0.8, 0.6);

interface Fixture {
  readonly cases: readonly {
    readonly row: RuleRow;
    readonly detections: readonly {
      readonly noun: string;
      readonly cxcywh: readonly [number, number, number, number];
      readonly score: number;
    }[];
    readonly score: number;
  }[];
  readonly relations: readonly {
    readonly locality: string;
    readonly boxes: readonly (readonly [number, number, number, number])[];
    readonly value: number;
  }[];
}
const fixture: Fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/rules.json', import.meta.url), 'utf8'),
);

/** NaN where there is none: no nouns, or a wording without a rule. */
function correctScore(row: RuleRow, detections: readonly Detection[]): number {
  if (row.spatial_info?.locality === 'inside') return Number.NaN;
  const result = ruleScore(row, detections);
  return result.kind === 'score' ? result.value : Number.NaN;
}

describe('the published numbers', () => {
  it('are reproduced on random rows of every task', () => {
    const tasks = new Map<string | undefined, number>();
    let [worst, unlike] = [0, 0];
    for (const { row, detections, score: expected } of fixture.cases) {
      const given = detections.map(({ noun, score, cxcywh: [cx, cy, w, h] }) =>
        found(noun, box(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), score),
      );
      const result = ruleScore(row, given, REFERENCE);
      if (result.kind !== 'score') throw new Error(`a ${result.kind}`);
      worst = Math.max(worst, Math.abs(result.value - expected));
      const correct = correctScore(row, given);
      if (!(Math.abs(correct - expected) <= 1e-6)) unlike++;
      tasks.set(row.task_type, (tasks.get(row.task_type) ?? 0) + 1);
    }
    expect(worst).toBeLessThan(1e-6);
    expect(tasks.size).toBe(8);
    expect(fixture.cases.length).toBe(400);
    // The fixture is about the mistakes: the correct rules give other numbers for most of it.
    expect(unlike).toBe(285); // as docs/rewards/rules.md says
  });

  it('are reproduced on random pairs of boxes, in every wording', () => {
    const graded = fixture.relations.filter(({ value }) => value > 0 && value < 1);
    expect(graded.length).toBeGreaterThan(15);
    for (const { locality, boxes, value } of fixture.relations) {
      const [first, second] = boxes.map((corners) => box(...corners)) as [Box, Box];
      expect(Math.abs(relationScore(locality, first, second, REFERENCE) - value)).toBeLessThan(1e-6);
    }
  });

  // What `determine_position` itself gave, to six digits.
  const side = [left, right] as const;
  const upper = [box(0.4, 0.1, 0.6, 0.4), box(0.4, 0.6, 0.6, 0.9)] as const;
  it.each([
    ['left of', ...side, 1],
    ['right of', ...side, 0],
    ['left of', box(0.1, 0.1, 0.5, 0.9), box(0.35, 0.1, 0.75, 0.9), 0.433333],
    ['left of', box(0.1, 0.1, 0.3, 0.3), box(0.3, 0.5, 0.5, 0.7), 0],
    ['below', box(0.4, 0.6, 0.6, 0.9), box(0.4, 0.1, 0.6, 0.4), 1],
    ['on the bottom of', box(0.4, 0.3, 0.6, 0.9), box(0.4, 0.1, 0.6, 0.7), 0.2],
    ['on the top of', ...upper, 1],
    ['above', ...upper, 0],
    ['on top of', ...upper, 0],
    ['next to', box(0, 0, 0.01, 0.01), box(0.98, 0.98, 1, 1), 1],
  ])('%s', (locality, box1, box2, expected) => {
    expect(relationScore(locality, box1, box2, REFERENCE)).toBeCloseTo(expected, 6);
  });
});

describe('the list of docs/rewards/rules.md', () => {
  const apart = (noun1: string, noun2: string) => [found(noun1, left), found(noun2, right)];
  const spatial = (locality: string, detections: readonly Detection[]) =>
    spatialScore({ obj1: 'dog', obj2: 'cat', locality }, detections, REFERENCE);
  const dogs = (num: number, boxes: readonly Box[]) =>
    numeracyScore(
      [{ obj_name: 'dog', num }],
      boxes.map((at, i) => found('dog', at, 0.9 - i / 10)),
      REFERENCE,
    );

  it('(1) wordings that fall through, and any other word, have only presence', () => {
    const above = [found('dog', box(0.4, 0.1, 0.6, 0.3)), found('cat', box(0.4, 0.6, 0.6, 0.8))];
    expect(spatial('on the top of', above)).toBe(0.9);
    for (const wording of ['above', 'on top of', 'inside']) expect(spatial(wording, above)).toBe(0.4);
  });

  it('(2) everything is near', () => {
    expect(spatial('near', [found('dog', box(0, 0, 0.01, 0.01)), found('cat', box(0.98, 0.98, 1, 1))])).toBe(
      0.9,
    );
  });

  it('(3) repeated boxes are counted, (7) and a wrong number earns a fifth', () => {
    const at = (x: number) => box(x, 0.7, x + 0.1, 0.8);
    expect(dogs(2, [at(0.5), at(0.51)])).toBe(1);
    expect(dogs(1, [at(0.5), at(0.51)])).toBe(0.2);
    expect(dogs(8, [at(0.5)])).toBe(0.2);
    expect(dogs(1, [])).toBe(0);
  });

  it.each([
    [0.1, 1],
    [0.25, 0.98],
    [0.5, 0.79],
  ])('(3) of boxes of side %d at random places, so many count double', (side, share) => {
    const random = uniformStream('duplicates', 0);
    const pairs = Array.from({ length: 4000 }, () => {
      const [x, y] = [random() * (0.99 - side), random() * (0.99 - side)];
      return [0, 0.01].map((moved) => box(x + moved, y + moved, x + moved + side, y + moved + side));
    });
    const double = pairs.filter((boxes) => dogs(2, boxes) === 1);
    expect(double.length / pairs.length).toBeCloseTo(share, 1.5);
    for (const boxes of pairs) {
      const detections = boxes.map((at) => found('dog', at));
      expect(numeracyScore([{ obj_name: 'dog', num: 1 }], detections)).toBe(1);
    }
  });

  it('(4) three words are never found, nor other capitals', () => {
    expect(referenceLabels(['ice cream cone', 'sports ball', 'dog'])).toEqual([
      ...['ice cone', 'sports ball', 'dog'],
    ]);
    // By hand: the caption is "dog  . cat.", and the second noun is looked for one place too early.
    expect(referenceLabels(['dog ', 'cat'])).toEqual(['dog', ' ca']);
    const nouns = ['toy train set', 'dog'];
    expect(objectScore(nouns, apart('toy train set', 'dog'), REFERENCE)).toBe(0.5);
    const row = { nouns: ['Dog'], task_type: 'numeracy', numeracy_info: [{ obj_name: 'dog', num: 1 }] };
    expect(ruleScore(row, [found('dog', left)], REFERENCE)).toEqual({ kind: 'score', value: 0 });
  });

  it('(5) presence is a fifth each, the relation half', () => {
    expect(spatial('left of', [])).toBe(0);
    expect(spatial('left of', [found('dog', left)])).toBe(0.2);
    expect(spatial('left of', apart('cat', 'dog'))).toBe(0.4);
    expect(spatial('left of', apart('dog', 'cat'))).toBe(0.9);
  });

  it('(6) one box is both objects', () => {
    const shared = [found('dog', left, 0.9), found('cat', left, 0.9), found('cat', right, 0.4)];
    expect(spatial('left of', shared)).toBe(0.4);
    expect(spatial('near', shared)).toBe(0.9);
  });

  it('(8) boxes without an area: no direction is right, but near is', () => {
    const points = [found('dog', box(0.2, 0.5, 0.2, 0.5)), found('cat', box(0.7, 0.5, 0.7, 0.5))];
    expect(spatial('left of', points)).toBe(0.4);
    expect(spatial('next to', points)).toBe(0.9);
  });

  it('(9) what raises is 0: one noun for both objects, a row without its relation', () => {
    const two = { obj1: 'dog', obj2: 'dog', locality: 'left of' };
    expect(spatialScore(two, apart('dog', 'dog'), REFERENCE)).toBe(0);
    const row = { nouns: ['dog'], task_type: 'spatial' };
    expect(ruleScore(row, [found('dog', left)], REFERENCE)).toEqual({ kind: 'score', value: 0 });
  });

  it('(10) the task type decides, and nothing asked for is full marks', () => {
    const spatial_info = { obj1: 'dog', obj2: 'cat', locality: 'right of' };
    const row = { nouns: ['dog', 'cat'], task_type: 'complex', spatial_info };
    expect(ruleScore(row, apart('dog', 'cat'), REFERENCE)).toEqual({ kind: 'score', value: 1 });
    expect(ruleScore({ ...row, nouns: [] }, [], REFERENCE)).toEqual({ kind: 'score', value: 1 });
    expect(objectScore([], [], REFERENCE)).toBe(1);
  });

  it('needs what the published code stops without', () => {
    const code = expect.objectContaining({ code: 'prompt-row' });
    expect(() => ruleScore({ nouns: ['dog'] }, [], REFERENCE)).toThrow(code);
    expect(() => ruleScore({ nouns: ['dog'], task_type: 'numeracy' }, [], REFERENCE)).toThrow(code);
    expect(() =>
      ruleScore({ nouns: ['dog'], task_type: 'object' }, [found('dog', box(0, 0, 9, 9))], REFERENCE),
    ).toThrow(expect.objectContaining({ code: 'reward' }));
  });
});
