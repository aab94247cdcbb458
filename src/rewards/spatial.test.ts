import { describe, expect, it } from 'vitest';
import type { Box, Detection } from './detection.js';
import { canonicalLocality } from './locality.js';
import { ruleScore } from './rules.js';
import { relationScore } from './spatial.js';

const box = (x0: number, y0: number, x1: number, y1: number): Box => ({ x0, y0, x1, y1 });

/** Rows of T2I-R1's data (geneval_and_t2i_data_final.json, 7223 rows) by task and wording, and where obj1 belongs. */
const OF_DATA = [
  ['spatial', 'left of', 392, 'left'],
  ['spatial', 'below', 375, 'below'],
  ['spatial', 'right of', 369, 'right'],
  ['spatial', 'above', 364, 'above'],
  ['spatial', 'on the bottom of', 134, 'below'],
  ['spatial', 'on the left of', 130, 'left'],
  ['spatial', 'on the right of', 128, 'right'],
  ['spatial', 'on the top of', 121, 'above'],
  ['spatial', 'next to', 61, 'near'],
  ['spatial', 'on side of', 61, 'near'],
  ['spatial', 'near', 60, 'near'],
  ['complex', 'next to', 84, 'near'],
  ['complex', 'on top of', 73, 'above'],
  ['complex', 'on the left of', 12, 'left'],
  ['complex', 'near', 9, 'near'],
  ['complex', 'on the right of', 7, 'right'],
] as const;

/** Layouts of the dog beside the cat; every wording is right for one of them and wrong for all others. */
const LAYOUTS = {
  left: [box(0.05, 0.4, 0.25, 0.6), box(0.7, 0.4, 0.9, 0.6)],
  right: [box(0.7, 0.4, 0.9, 0.6), box(0.05, 0.4, 0.25, 0.6)],
  above: [box(0.4, 0.05, 0.6, 0.25), box(0.4, 0.7, 0.6, 0.9)],
  below: [box(0.4, 0.7, 0.6, 0.9), box(0.4, 0.05, 0.6, 0.25)],
  // Equally far along both axes, so that it is in no direction.
  near: [box(0.3, 0.3, 0.5, 0.5), box(0.5, 0.5, 0.7, 0.7)],
} as const;

describe("the wordings of T2I-R1's data", () => {
  it('are all here', () => {
    const rows = (task: string) =>
      OF_DATA.filter(([of]) => of === task).reduce((sum, [, , count]) => sum + count, 0);
    expect([rows('spatial'), rows('complex')]).toEqual([2195, 185]);
  });

  it.each(OF_DATA)('%s: "%s" (%i rows)', (task_type, locality, _, relation) => {
    expect(canonicalLocality(locality)).toBe(relation);
    const row = { task_type, nouns: ['dog', 'cat'], spatial_info: { obj1: 'dog', obj2: 'cat', locality } };
    for (const [layout, [dog, cat]] of Object.entries(LAYOUTS)) {
      const detections: Detection[] = [
        { noun: 'dog', box: dog, score: 0.8 },
        { noun: 'cat', box: cat, score: 0.7 },
      ];
      const result = ruleScore(row, detections);
      const value = result.kind === 'score' ? result.value : Number.NaN;
      if (layout === relation) expect(value).toBe(1);
      // Far apart is graded, and never right; a wrong direction has presence only.
      else if (relation === 'near') expect(value).toBeCloseTo(0.5 + (0.5 * (150 / 384)) / 0.65, 12);
      else expect(value).toBe(0.5);
    }
  });
});

describe('near', () => {
  const row = [box(0, 0.4, 0.1, 0.5), box(0.9, 0.4, 1, 0.5)] as const; // 0.9 along x, 0 along y
  const far = [box(0, 0, 0.1, 0.1), box(0.6, 0.8, 0.7, 0.9)] as const; // 0.6 and 0.8

  it('wants both axes, or one where that is said', () => {
    expect(relationScore('near', ...row)).toBeCloseTo(150 / 384 / 0.9, 12);
    expect(relationScore('near', ...row, { nearAxes: 'or' })).toBe(1);
    expect(relationScore('near', ...far, { nearAxes: 'or' })).toBeCloseTo(150 / 384 / 0.8, 12);
  });

  it('has a distance relative to the image', () => {
    expect(relationScore('near', ...far, { nearDistance: 0.81 })).toBe(1);
    expect(relationScore('near', ...far, { nearDistance: 0.7 })).toBeCloseTo(0.7 / 0.8, 12);
    expect(relationScore('near', ...far, { nearDistance: 0.7, nearAxes: 'or' })).toBe(1);
  });
});

describe('the options of the rules', () => {
  const side = [LAYOUTS.left[0], LAYOUTS.left[1]] as const;
  it.each([
    ['an unknown name', { near: 'or' }, /'near'.*'nearAxes'/],
    ['a negative distance', { nearDistance: -1 }, /nearDistance is -1/],
    ['another word for an axis', { nearAxes: 'both' }, /'and' or 'or'/],
    ['no flag', { graded: 1 }, /graded is 1/],
    ['a threshold that reference ignores', { reference: true, overlap: 0.2 }, /overlap would do nothing/],
  ])('refuse %s', (_, options, message) => {
    expect(() => relationScore('near', ...side, options as object)).toThrow(
      expect.objectContaining({ code: 'value', message: expect.stringMatching(message) }),
    );
    expect(() => ruleScore({ nouns: [] }, [], options as object)).toThrow(message);
  });

  it('take undefined for nothing', () => {
    expect(relationScore('left of', ...side, { overlap: undefined, reference: true })).toBe(1);
  });
});
