import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assignToBestNoun,
  type Box,
  checkDetections,
  type Detection,
  distinctObjects,
  intersectionOverUnion,
  nonMaximumSuppression,
} from './detection.js';

const box = (x0: number, y0: number, x1: number, y1: number): Box => ({ x0, y0, x1, y1 });
const found = (noun: string, at: Box, score = 0.5): Detection => ({ noun, box: at, score });

const unit = fc.double({ min: 0, max: 1, noNaN: true });
const anyBox = fc
  .tuple(unit, unit, unit, unit)
  .map(([a, b, c, d]) => box(Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)));
const anyDetections = fc.array(
  fc.record({ noun: fc.constantFrom('dog', 'cat', 'Dog'), box: anyBox, score: unit }),
  { maxLength: 12 },
);

describe('intersectionOverUnion', () => {
  it('is the overlap over the joint area', () => {
    // Overlap 0.15 · 0.8 = 0.12, union 0.32 + 0.32 − 0.12 = 0.52.
    expect(intersectionOverUnion(box(0.1, 0.1, 0.5, 0.9), box(0.35, 0.1, 0.75, 0.9))).toBeCloseTo(
      0.12 / 0.52,
      12,
    );
    expect(intersectionOverUnion(box(0, 0, 0.5, 0.5), box(0.5, 0.5, 1, 1))).toBe(0);
  });

  it('is 0, not NaN, for boxes without an area', () => {
    const point = box(0.3, 0.3, 0.3, 0.3);
    expect(intersectionOverUnion(point, point)).toBe(0);
    expect(intersectionOverUnion(point, box(0, 0, 1, 1))).toBe(0);
  });

  it('is symmetric and within [0, 1]', () => {
    fc.assert(
      fc.property(anyBox, anyBox, (a, b) => {
        const iou = intersectionOverUnion(a, b);
        expect(iou).toBe(intersectionOverUnion(b, a));
        expect(iou).toBeGreaterThanOrEqual(0);
        expect(iou).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
});

describe('nonMaximumSuppression', () => {
  it('removes a slightly shifted duplicate of a small box', () => {
    const sure = found('dog', box(0.8, 0.8, 0.9, 0.9), 0.9);
    const shifted = found('dog', box(0.81, 0.81, 0.91, 0.91), 0.8);
    expect(nonMaximumSuppression([shifted, sure])).toEqual([sure]);
  });

  it('keeps other nouns at the same place, and the same noun elsewhere', () => {
    const here = box(0.1, 0.1, 0.3, 0.3);
    const all = [
      found('dog', here, 0.9),
      found('cat', here, 0.8),
      found('dog', box(0.6, 0.6, 0.8, 0.8), 0.7),
    ];
    expect(nonMaximumSuppression(all)).toEqual(all);
  });

  it('uses the threshold it is given', () => {
    // IoU = 0.1 / 0.3 = 1/3.
    const pair = [found('dog', box(0, 0, 0.2, 1), 0.9), found('dog', box(0.1, 0, 0.3, 1), 0.8)];
    expect(nonMaximumSuppression(pair)).toHaveLength(2);
    expect(nonMaximumSuppression(pair, 0.3)).toHaveLength(1);
  });
});

describe('assignToBestNoun', () => {
  it('gives one box to its most confident noun only', () => {
    const here = box(0.1, 0.1, 0.5, 0.5);
    const dog = found('dog', here, 0.6);
    expect(assignToBestNoun([found('cat', here, 0.4), dog])).toEqual([dog]);
  });

  it('leaves overlapping but different boxes alone', () => {
    const both = [found('person', box(0, 0, 0.5, 1), 0.9), found('tie', box(0.2, 0.2, 0.3, 0.6), 0.5)];
    expect(assignToBestNoun(both)).toEqual(both);
  });

  it('leaves no two nouns on one box, whatever is found', () => {
    fc.assert(
      fc.property(anyDetections, anyBox, (others, shared) => {
        const claims = [found('dog', shared, 0.7), found('cat', shared, 0.6), ...others];
        const kept = distinctObjects(claims).filter(({ box: at }) => at === shared);
        if (intersectionOverUnion(shared, shared) > 0.9) expect(kept.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('distinctObjects', () => {
  it('changes nothing when applied twice', () => {
    fc.assert(
      fc.property(anyDetections, (detections) => {
        const once = distinctObjects(detections);
        expect(distinctObjects(once)).toEqual(once);
      }),
    );
  });
});

describe('checkDetections', () => {
  it.each([
    ['pixels', found('dog', box(10, 20, 200, 300))],
    ['inverted corners', found('dog', box(0.5, 0, 0.2, 1))],
    ['a NaN corner', found('dog', box(Number.NaN, 0, 1, 1))],
    ['a NaN score', found('dog', box(0, 0, 1, 1), Number.NaN)],
  ])('refuses %s', (_, wrong) => {
    expect(() => checkDetections([found('cat', box(0, 0, 1, 1)), wrong])).toThrow(
      expect.objectContaining({ code: 'reward', message: expect.stringMatching(/detection 1 \("dog"\)/) }),
    );
  });
});
