import { describe, expect, it } from 'vitest';
import { deterministicWeights, TINY_JANUS, TINY_WEIGHTS, tinyJanusShapes } from './support/tiny-janus.js';

describe('the tiny Janus', () => {
  it('has the tensors of the original implementation', () => {
    const shapes = tinyJanusShapes();
    expect(shapes).toHaveLength(173);
    const numbers = shapes.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
    expect(numbers.reduce((sum, count) => sum + count, 0)).toBe(867_427);
  });

  it('gets the weights that the goldens were computed with', () => {
    const checks = Object.entries(TINY_WEIGHTS.first_values);
    expect(checks).toHaveLength(6);
    for (const [name, values] of checks) {
      const weights = deterministicWeights(name, TINY_WEIGHTS.tensors[name] as number[]);
      expect(weights.subarray(0, 3), name).toBeAllclose(values, 1e-7);
    }
  });

  it('has sizes that fit each other', () => {
    const { image, vq, language } = TINY_JANUS;
    expect(image.length).toBe(image.grid ** 2);
    expect(image.side).toBe(vq.grid * 2 ** (vq.multipliers.length - 1));
    expect(TINY_WEIGHTS.tensors['language_model.lm_head.weight']).toEqual([
      language.vocabulary,
      language.width,
    ]);
  });
});
