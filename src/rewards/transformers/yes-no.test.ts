import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerTokens, type WordTokenizer, yesNoProbability } from './yes-no.js';

const tokenizer = (vocabulary: readonly string[], unknown?: number): WordTokenizer => ({
  encode: (text) => {
    const id = vocabulary.indexOf(text);
    if (id >= 0) return [id];
    return unknown === undefined ? [0, 0] : [unknown];
  },
  decode: (ids) => ids.map((id) => vocabulary[id]).join(''),
});

describe('answerTokens', () => {
  it('finds every way to write a word that is one token', () => {
    const words = ['x', ' yes', 'Yes', 'no', ' No', 'No', ' Yes', 'yes', ' no'];
    expect(answerTokens('test', tokenizer(words))).toEqual({ yes: [2, 7, 6, 1], no: [5, 3, 4, 8] });
  });

  it('leaves out what is split', () => {
    expect(answerTokens('test', tokenizer(['x', 'Yes', ' no']))).toEqual({ yes: [1], no: [2] });
  });

  it('counts a token once, whatever is written with it', () => {
    const uncased: WordTokenizer = {
      encode: (text) => [text.trim().toLowerCase() === 'yes' ? 5 : 6],
      decode: ([id]) => (id === 5 ? 'yes' : 'no'),
    };
    expect(answerTokens('test', uncased)).toEqual({ yes: [5], no: [6] });
  });

  it.each([
    ['splits all of them', undefined],
    ['knows none of them', 0],
  ])('refuses a tokenizer that %s, naming the words', (_, unknown) => {
    expect(() => answerTokens('somebody', tokenizer(['<unk>', 'yes'], unknown))).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: expect.stringMatching(/^somebody: .*"No", "no", " No", " no".*Choose another model/),
      }),
    );
  });
});

describe('yesNoProbability', () => {
  const logit = fc.double({ min: -30, max: 30, noNaN: true });

  it('is P(yes) / (P(yes) + P(no)) under the softmax of the whole vocabulary', () => {
    fc.assert(
      fc.property(fc.array(logit, { minLength: 6, maxLength: 12 }), (logits) => {
        const normaliser = logits.reduce((sum, value) => sum + Math.exp(value), 0);
        const p = (id: number): number => Math.exp(logits[id] as number) / normaliser;
        const [yes, no] = [p(0) + p(3), p(1) + p(2) + p(5)];
        const value = yesNoProbability(logits, { yes: [0, 3], no: [1, 2, 5] });
        expect(value).toBeCloseTo(yes / (yes + no), 12);
      }),
    );
  });

  it('depends on differences only, however large the logits are', () => {
    const tokens = { yes: [0], no: [1, 2] };
    const value = yesNoProbability([1, 2, 3], tokens);
    expect(yesNoProbability([1e4 + 1, 1e4 + 2, 1e4 + 3], tokens)).toBeCloseTo(value, 12);
    expect(yesNoProbability([-1e4 + 1, -1e4 + 2, -1e4 + 3], tokens)).toBeCloseTo(value, 12);
    expect(yesNoProbability([1e9, 0, 0], tokens)).toBe(1);
    expect(yesNoProbability([0, 1e9, 0], tokens)).toBe(0);
    expect(yesNoProbability([Number.NEGATIVE_INFINITY, 0, 0], tokens)).toBe(0);
  });

  it.each([
    ['NaN', [Number.NaN, 1]],
    ['no finite logit for either word', [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['two infinite logits', [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]],
    ['a vocabulary that is too small', [1]],
  ])('has no value for %s', (_, logits) => {
    expect(() => yesNoProbability(logits, { yes: [0], no: [1] })).toThrow(
      expect.objectContaining({ code: 'non-finite' }),
    );
  });
});
