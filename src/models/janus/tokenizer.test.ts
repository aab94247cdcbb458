import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isBicotError } from '../../errors.js';
import { janusTokenizer } from './tokenizer.js';

const read = (path: string) =>
  JSON.parse(readFileSync(new URL(`../../../test/fixtures/janus/${path}`, import.meta.url), 'utf8'));
const file = read('original/tokenizer.json');
const tokenizer = janusTokenizer(file, read('original/tokenizer_config.json'));
/** By Hugging Face's `tokenizers`, without special tokens. */
const cases: {
  encode: { text: string; ids: number[] }[];
  decode: { ids: number[]; text: string }[];
} = read('tokenizer-cases.json');

describe('janusTokenizer', () => {
  it('looks special tokens up by their spelling', () => {
    expect(tokenizer.tokens).toEqual({ begin: 1, end: 2, pad: 3, beginImage: 4 });
    expect(tokenizer.size).toBe(292);
    expect(tokenizer.has('<|User|>')).toBe(true);
    expect(tokenizer.has('<|System|>')).toBe(false);
  });

  it('encodes as tokenizers does, without a begin of its own', () => {
    expect(cases.encode.length).toBeGreaterThan(10);
    for (const { text, ids } of cases.encode) expect(Array.from(tokenizer.encode(text)), text).toEqual(ids);
  });

  it('decodes what it encoded', () => {
    for (const { text, ids } of cases.encode) {
      const special = ids.some((id) => id <= 5 || id === 289);
      if (!special) expect(tokenizer.decode(ids)).toBe(text);
    }
  });

  it('decodes without special tokens and ids that nobody knows', () => {
    const [a, b] = [tokenizer.encode('a red'), tokenizer.encode(' cube')];
    expect(tokenizer.decode([1, ...a, 2, 3, 4, 5, 289, 300, 319, 102399, ...b, 2])).toBe('a red cube');
    expect(tokenizer.decode([2])).toBe('');
    expect(tokenizer.decode([])).toBe('');
  });

  it('refuses what is not a tokenizer of Janus', () => {
    const refusal = (json: unknown): unknown => {
      try {
        janusTokenizer(json, {}, 'x.json');
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const without = JSON.parse(JSON.stringify(file).replaceAll('<｜▁pad▁｜>', '<pad>'));
    for (const [json, message] of [
      [without, /x\.json has no token <｜▁pad▁｜>, so it is not a tokenizer of Janus/],
      [{}, /x\.json can't be read/],
      [null, /x\.json can't be read/],
    ] as const) {
      const error = refusal(json) as Error;
      expect(isBicotError(error, 'checkpoint')).toBe(true);
      expect(error.message).toMatch(message);
    }
  });
});
