import { describe, expect, it } from 'vitest';
import { tokenBatch } from '../policy/tokens.js';
import { tokenWeights } from './weights.js';

const lengths = Int32Array.from([3, 1, 0]);
const level = { lengths, width: 4 };

describe('tokenWeights', () => {
  it('follows each normaliser', () => {
    const [tokens, sequences, constant] = tokenWeights([
      { ...level, normalizer: 'token-mean' },
      { ...level, normalizer: 'sequence-mean' },
      { ...level, normalizer: { maxLength: 5 } },
    ]);
    const rows = (a: number, b: number) => [a, a, a, 0, b, 0, 0, 0, 0, 0, 0, 0];
    expect(tokens).toBeAllclose(rows(1 / 4, 1 / 4), 1e-7);
    expect(sequences).toBeAllclose(rows(1 / 9, 1 / 3), 1e-7);
    expect(constant).toBeAllclose(rows(1 / 15, 1 / 15), 1e-7);
  });

  it('takes one mean over all levels when joint, with level weights in the numerator only', () => {
    const image = {
      lengths: Int32Array.from([2, 2]),
      width: 2,
      normalizer: 'token-mean',
      weight: 3,
    } as const;
    const [plan, tokens] = tokenWeights([{ ...level, normalizer: 'token-mean' }, image], { joint: true });
    expect(plan).toBeAllclose([1 / 8, 1 / 8, 1 / 8, 0, 1 / 8, 0, 0, 0, 0, 0, 0, 0], 1e-7);
    expect(tokens).toBeAllclose([3 / 8, 3 / 8, 3 / 8, 3 / 8], 1e-7);
  });

  it('takes token batches in place, without `as const`', () => {
    const batches = [tokenBatch([[1, 2, 3], [4]]), tokenBatch([[5]])];
    const weights = tokenWeights(batches.map((batch) => ({ ...batch, normalizer: 'token-mean' })));
    expect(weights.map((of) => [...of])).toEqual([[0.25, 0.25, 0.25, 0.25, 0, 0], [1]]);
  });

  it('gives exact zeros to a level of weight 0, and to a level without tokens', () => {
    const empty = { lengths: Int32Array.from([0, 0]), width: 2, normalizer: 'token-mean' } as const;
    const [off, none] = tokenWeights([{ ...level, normalizer: 'sequence-mean', weight: 0 }, empty]);
    expect(off?.every((weight) => weight === 0)).toBe(true);
    expect([...(none ?? [])]).toEqual([0, 0, 0, 0]);
  });

  it('refuses what makes no sense', () => {
    const mean = { ...level, normalizer: 'token-mean' } as const;
    const thrown = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return 'no error';
    };
    expect(thrown(() => tokenWeights([{ ...mean, width: 2 }]))).toBe('shape');
    expect(thrown(() => tokenWeights([{ ...mean, lengths: Int32Array.from([-1]) }]))).toBe('shape');
    expect(thrown(() => tokenWeights([{ ...mean, weight: -1 }]))).toBe('value');
    expect(thrown(() => tokenWeights([{ ...mean, weight: Number.NaN }]))).toBe('value');
    expect(thrown(() => tokenWeights([{ ...level, normalizer: { maxLength: 0 } }]))).toBe('value');
    expect(
      thrown(() => tokenWeights([mean, { ...level, normalizer: 'sequence-mean' }], { joint: true })),
    ).toBe('value');
  });
});
