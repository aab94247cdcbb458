import { describe, expect, it } from 'vitest';
import fixture from '../../test/fixtures/grpo-losses.json';
import { levelStats } from './stats.js';
import { clipped, unclipped } from './surrogates/clipped.js';

const { logp, old, ref, mask, adv } = fixture.inputs;
const CLIP = { low: 0.2, high: 0.2 };
const CLIPPED = { surrogate: clipped(CLIP) };
const input = {
  logProbs: logp.flat(),
  oldLogProbs: old.flat(),
  referenceLogProbs: ref.flat(),
  advantages: adv,
  lengths: Int32Array.from(mask, (row) => row.reduce((a, b) => a + b, 0)),
  width: 6,
};
const valid = mask.flat();

describe('levelStats', () => {
  it("equals TRL's metrics", () => {
    const stats = levelStats(input, CLIPPED);
    const expected = fixture.trl['grpo_beta0.04'].metrics;
    expect(stats.kl).toBeCloseTo(expected.kl, 9);
    expect(stats.clipFraction).toBeCloseTo(expected['clip_ratio/region_mean'], 6);
    expect(stats.tokens).toBe(17);
  });

  it("counts the tokens that have no policy gradient in TRL's", () => {
    const cases = [
      ['grpo', CLIP],
      ['grpo_cliphigher', { low: 0.2, high: 0.28 }],
      ['grpo_delta1.3', { ...CLIP, delta: 1.3 }],
      ['grpo_delta1.1_below_cliphigh', { ...CLIP, delta: 1.1 }],
    ] as const;
    for (const [name, clip] of cases) {
      const flat = fixture.trl[name].grad.flat().filter((value, i) => valid[i] === 1 && value === 0).length;
      expect(levelStats(input, { surrogate: clipped(clip) }).clipFraction).toBeCloseTo(flat / 17, 12);
    }
    expect(levelStats(input, { surrogate: unclipped() }).clipFraction).toBe(0);
  });

  it("counts a sequence's tokens together where the ratio is the sequence's", () => {
    const clip = { low: 0.03, high: 0.04 };
    const expected = fixture.trl['gspo(grpo,sequence)'].metrics['clip_ratio/region_mean'];
    const stats = levelStats(input, { ratio: 'sequence', surrogate: clipped(clip) });
    // TRL counts rows, not tokens: 2 of 4; those have 4 and 5 of the 17 tokens, or the others.
    expect(expected).toBeCloseTo(0.5, 6);
    const flat = fixture.trl['gspo(grpo,sequence)'].grad
      .flat()
      .filter((value, i) => valid[i] === 1 && value === 0).length;
    expect(stats.clipFraction).toBeCloseTo(flat / 17, 12);
  });

  it('measures the distance to the sampling policy', () => {
    const logRatios = logp.flat().map((value, i) => value - (old.flat()[i] as number));
    const ratios = logRatios.map(Math.exp).filter((_, i) => valid[i] === 1);
    const kept = logRatios.filter((_, i) => valid[i] === 1);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const stats = levelStats(input, CLIPPED);
    expect(stats.meanRatio).toBeCloseTo(mean(ratios), 12);
    expect(stats.maxRatioDeviation).toBeCloseTo(Math.max(...ratios.map((ratio) => Math.abs(ratio - 1))), 12);
    expect(stats.approxKl).toBeCloseTo(mean(ratios) - 1 - mean(kept), 12);
  });

  it('ignores padding, shows NaN, and knows what to say of nothing', () => {
    const dirty = input.logProbs.map((value, i) => (valid[i] ? value : Number.NEGATIVE_INFINITY));
    expect(levelStats({ ...input, logProbs: dirty }, CLIPPED)).toEqual(levelStats(input, CLIPPED));
    const broken = [Number.NaN, ...input.logProbs.slice(1)];
    expect(levelStats({ ...input, logProbs: broken }, CLIPPED).maxRatioDeviation).toBeNaN();
    const nothing = levelStats(
      { ...input, lengths: new Int32Array(4), referenceLogProbs: undefined },
      CLIPPED,
    );
    expect(nothing).toEqual({
      kl: 0,
      approxKl: 0,
      maxRatioDeviation: 0,
      meanRatio: 1,
      clipFraction: 0,
      tokens: 0,
    });
  });

  it('refuses arrays of other sizes', () => {
    expect(() => levelStats({ ...input, advantages: [1] }, CLIPPED)).toThrow(
      /advantages has 1 elements but 4/,
    );
    expect(() => levelStats({ ...input, oldLogProbs: [1] }, CLIPPED)).toThrow(/oldLogProbs/);
  });
});
