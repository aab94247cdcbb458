import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Box, Detection } from './detection.js';
import { canonicalLocality, LOCALITIES } from './locality.js';
import { attributeScore, numeracyScore, objectScore, ruleScore } from './rules.js';
import { relationScore, spatialScore } from './spatial.js';

const box = (x0: number, y0: number, x1: number, y1: number): Box => ({ x0, y0, x1, y1 });
const found = (noun: string, at: Box, score = 0.5): Detection => ({ noun, box: at, score });
/** The `index`-th of many boxes that do not touch. */
const cell = (index: number): Box => box(index * 0.05, 0, index * 0.05 + 0.04, 0.04);
const copies = (noun: string, n: number): Detection[] =>
  Array.from({ length: n }, (_, i) => found(noun, cell(i)));

describe('relationScore', () => {
  // Values of T2I-R1's reference rules; the last four rows are what they should have given (its thresholds in
  // pixels met normalised boxes, and two wordings had no rule).
  const side = [box(0.1, 0.4, 0.3, 0.6), box(0.6, 0.4, 0.8, 0.6)] as const;
  const upper = [box(0.4, 0.1, 0.6, 0.4), box(0.4, 0.6, 0.6, 0.9)] as const;
  const corners = [box(0, 0, 0.01, 0.01), box(0.98, 0.98, 1, 1)] as const;
  it.each([
    ['left of', ...side, 1],
    ['right of', ...side, 0],
    ['left of', box(0.1, 0.1, 0.5, 0.9), box(0.35, 0.1, 0.75, 0.9), 0.433333],
    ['left of', box(0.1, 0.1, 0.3, 0.3), box(0.3, 0.5, 0.5, 0.7), 0],
    ['below', box(0.4, 0.6, 0.6, 0.9), box(0.4, 0.1, 0.6, 0.4), 1],
    ['on the bottom of', box(0.4, 0.3, 0.6, 0.9), box(0.4, 0.1, 0.6, 0.7), 0.2],
    ['on the top of', ...upper, 1],
    ['above', ...upper, 1],
    ['on top of', ...upper, 1],
    ['next to', ...corners, 150 / 384 / 0.985],
    ['near', ...side, 150 / 384 / 0.5],
  ])('%s', (locality, box1, box2, expected) => {
    expect(relationScore(locality, box1, box2)).toBeCloseTo(expected, 5);
  });

  it('is near only if both axes are close', () => {
    const sameRow = [box(0, 0.4, 0.1, 0.5), box(0.9, 0.4, 1, 0.5)] as const;
    expect(relationScore('near', ...sameRow)).toBeLessThan(0.5);
    expect(relationScore('near', ...side, { nearDistance: 0.5 })).toBe(1);
  });

  it('swaps with its objects', () => {
    const part = fc.double({ min: 0, max: 0.5, noNaN: true });
    const anyBox = fc.tuple(part, part, part, part).map(([x, y, w, h]) => box(x, y, x + w, y + h));
    fc.assert(
      fc.property(anyBox, anyBox, (a, b) => {
        expect(relationScore('left of', a, b)).toBe(relationScore('right of', b, a));
        expect(relationScore('above', a, b)).toBe(relationScore('below', b, a));
        expect(relationScore('near', a, b)).toBe(relationScore('near', b, a));
        const directions = ['left of', 'right of', 'above', 'below'].map((place) =>
          relationScore(place, a, b),
        );
        expect(directions.filter((value) => value > 0).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('canonicalLocality', () => {
  it('has a rule for every wording of the T2I-R1 data', () => {
    const ofData = {
      left: ['left of', 'on the left of'],
      right: ['right of', 'on the right of'],
      above: ['above', 'on top of', 'on the top of'],
      below: ['below', 'on the bottom of'],
      near: ['next to', 'near', 'on side of'],
    };
    for (const [relation, wordings] of Object.entries(ofData)) {
      for (const wording of wordings) expect(canonicalLocality(wording)).toBe(relation);
    }
    expect(canonicalLocality('top of')).toBe('above');
    expect(canonicalLocality('under')).toBe('below');
    expect(canonicalLocality('  On  Top of ')).toBe('above');
    for (const wording of LOCALITIES) expect(() => canonicalLocality(wording)).not.toThrow();
  });

  it.each(['inside', '', 'constructor'])('refuses "%s" and lists what it knows', (wording) => {
    expect(() => canonicalLocality(wording)).toThrow(
      expect.objectContaining({ code: 'prompt-row', message: expect.stringContaining('on the bottom of') }),
    );
  });
});

describe('spatialScore', () => {
  const info = { obj1: 'dog', obj2: 'cat', locality: 'left of' };
  const left = box(0.1, 0.4, 0.3, 0.6);
  const right = box(0.6, 0.4, 0.8, 0.6);

  it('pays presence and relation apart, up to 1', () => {
    expect(spatialScore(info, [])).toBe(0);
    expect(spatialScore(info, [found('dog', left)])).toBe(0.25);
    expect(spatialScore(info, [found('cat', left)])).toBe(0.25);
    expect(spatialScore(info, [found('dog', right), found('cat', left)])).toBe(0.5);
    expect(spatialScore(info, [found('Dog', left), found('cat ', right)])).toBe(1);
  });

  it('does not take one box for both objects', () => {
    const claims = [found('dog', left, 0.9), found('cat', left, 0.8)];
    expect(spatialScore(info, claims)).toBe(0.25);
    // The cat's second best box is free, and counts.
    expect(spatialScore(info, [...claims, found('cat', right, 0.4)])).toBe(1);
  });

  it('needs two boxes where both objects have one noun, in either order', () => {
    const dogs = { obj1: 'dog', obj2: 'dog', locality: 'right of' };
    expect(spatialScore(dogs, [found('dog', left)])).toBe(0.25);
    expect(spatialScore(dogs, [found('dog', left, 0.9), found('dog', right, 0.8)])).toBe(1);
  });

  it('refuses an unknown locality whatever was drawn', () => {
    const wrong = { ...info, locality: 'inside' };
    expect(() => spatialScore(wrong, [])).toThrow(expect.objectContaining({ code: 'prompt-row' }));
  });
});

describe('objectScore', () => {
  it('is the fraction of nouns found, whole nouns of any length', () => {
    const nouns = ['dog', 'roll of toilet paper', 'Cat', 'bench'];
    expect(objectScore(nouns, [found('roll of toilet paper', cell(0)), found('cat', cell(1))])).toBe(0.5);
    expect(objectScore(nouns, [found('roll paper', cell(0))])).toBe(0);
  });

  it('wants as many boxes as a noun is listed', () => {
    expect(objectScore(['dog', 'dog'], copies('dog', 1))).toBe(0.5);
    expect(objectScore(['dog', 'dog'], copies('dog', 3))).toBe(1);
  });

  it('has no value without nouns', () => {
    expect(() => objectScore([], [])).toThrow(expect.objectContaining({ code: 'value' }));
  });
});

describe('numeracyScore', () => {
  it('falls with the distance to the count asked for', () => {
    const of = (num: number, drawn: number) =>
      numeracyScore([{ obj_name: 'dog', num }], copies('dog', drawn));
    expect([0, 1, 2, 3, 4, 5, 8, 9].map((drawn) => of(4, drawn))).toEqual([
      0, 0.25, 0.5, 0.75, 1, 0.75, 0, 0,
    ]);
  });

  it('counts objects, not repeated boxes', () => {
    const twice = [...copies('dog', 2), found('dog', box(0.002, 0, 0.042, 0.04), 0.3)];
    expect(numeracyScore([{ obj_name: 'dog', num: 2 }], twice)).toBe(1);
  });

  it.each([0.1, 0.25, 0.5])('counts each once where every box of side %d comes twice, 0.01 apart', (side) => {
    const places = side === 0.5 ? [0, 0.49] : [0, 0.3, 0.6];
    const twice = places.flatMap((at) =>
      [0, 0.01].map((moved) =>
        found('dog', box(at + moved, moved, at + moved + side, moved + side), 0.9 - moved),
      ),
    );
    const of = (num: number) => numeracyScore([{ obj_name: 'dog', num }], twice, { graded: false });
    expect(of(places.length)).toBe(1);
    expect(of(2 * places.length)).toBe(0);
  });

  it('is all or nothing if asked', () => {
    const of = (num: number) =>
      numeracyScore([{ obj_name: 'dog', num }], copies('dog', 3), { graded: false });
    expect([1, 2, 3, 4, 8].map(of)).toEqual([0, 0, 1, 0, 0]);
    const items = [
      { obj_name: 'dog', num: 3 },
      { obj_name: 'cat', num: 3 },
    ];
    expect(numeracyScore(items, copies('dog', 3), { graded: false })).toBe(0.5);
    expect(
      ruleScore({ nouns: ['dog'], numeracy_info: [{ obj_name: 'dog', num: 4 }] }, copies('dog', 3), {
        graded: false,
      }),
    ).toEqual({ kind: 'score', value: 0 });
  });

  it('is the mean over the items', () => {
    const items = [
      { obj_name: 'dog', num: 2 },
      { obj_name: 'cat', num: 3 },
    ];
    expect(numeracyScore(items, copies('dog', 1))).toBe(0.25);
  });

  it('is in [0, 1], best at the count, and never rises on the way from it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 18 }), (num, drawn) => {
        const of = (n: number) => numeracyScore([{ obj_name: 'dog', num }], copies('dog', n));
        const value = of(drawn);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value === 1).toBe(drawn === num);
        expect(of(drawn + 1)).toBeGreaterThanOrEqual(drawn < num ? value : 0);
        if (drawn >= num) expect(of(drawn + 1)).toBeLessThanOrEqual(value);
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the count %d', (num) => {
    expect(() => numeracyScore([{ obj_name: 'dog', num }], [])).toThrow(
      expect.objectContaining({ code: 'prompt-row' }),
    );
  });
});

describe('attributeScore', () => {
  it('is the mean probability', () => {
    expect(attributeScore([1, 0.5, 0])).toBe(0.5);
  });
  it('refuses what is no probability, and no answers', () => {
    expect(() => attributeScore([0.5, Number.NaN])).toThrow(/answer 1 is NaN/);
    expect(() => attributeScore([1.2])).toThrow(expect.objectContaining({ code: 'reward' }));
    expect(() => attributeScore([])).toThrow(expect.objectContaining({ code: 'value' }));
  });
});

describe('ruleScore', () => {
  const detections = [found('dog', box(0.1, 0.4, 0.3, 0.6)), found('cat', box(0.6, 0.4, 0.8, 0.6))];
  const nouns = ['dog', 'cat'];

  it('uses a spatial relation whenever the row has one, of whatever task', () => {
    const spatial_info = { obj1: 'cat', obj2: 'dog', locality: 'left of' };
    expect(ruleScore({ nouns, spatial_info }, detections)).toEqual({ kind: 'score', value: 0.5 });
  });

  it('else counts, else looks for nouns, else abstains', () => {
    const numeracy_info = [{ obj_name: 'dog', num: 2 }];
    expect(ruleScore({ nouns, numeracy_info }, detections)).toEqual({ kind: 'score', value: 0.5 });
    expect(ruleScore({ nouns }, detections)).toEqual({ kind: 'score', value: 1 });
    expect(ruleScore({ nouns: [] }, detections).kind).toBe('abstain');
  });
});
