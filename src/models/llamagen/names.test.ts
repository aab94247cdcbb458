import { describe, expect, it } from 'vitest';
import { llamaGenFixture, tinyLlamaGenWeights } from '../../../test/support/tiny-llamagen.js';
import { llamaGenPrefix, llamaGenShapes } from './names.js';

const kinds = ['class', 'text'] as const;

describe('names of tensors', () => {
  it.each(kinds)('are those of the published code, with its shapes and in its order: %s', (kind) => {
    const { config, weights } = llamaGenFixture(kind);
    const published = Object.entries(weights).map(([name, { shape }]) => [name, shape]);
    expect([...llamaGenShapes(config)]).toEqual(published);
  });

  it.each(kinds)('make the same weights here as in Python: %s', (kind) => {
    const { config, weights } = llamaGenFixture(kind);
    for (const [name, values] of tinyLlamaGenWeights(config)) {
      expect([...values.subarray(0, 3)], name).toEqual(weights[name]?.first);
    }
  });
});

describe('llamaGenPrefix', () => {
  const names = [...llamaGenShapes(llamaGenFixture('class').config).keys()];

  it.each(['', 'model.', 'module.', 'state_dict.'])('finds "%s"', (prefix) => {
    const state = ['optimizer.state.0.exp_avg', ...names.map((name) => prefix + name), 'steps'];
    expect(llamaGenPrefix(state)).toBe(prefix);
  });

  it('says what it found instead', () => {
    const fail = (found: string[]) => {
      try {
        return llamaGenPrefix(found);
      } catch (error) {
        return error as { code: string; message: string };
      }
    };
    expect(fail(['quantize.embedding.weight', 'a', 'b', 'c'])).toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/It holds quantize\.embedding\.weight, a, b and 1 more; give it/),
    });
    expect(fail([])).toMatchObject({ message: expect.stringMatching(/It holds nothing;/) });
  });
});
