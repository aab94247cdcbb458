import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatPrompt, expand, expansionOf } from './chat-prompt.js';
import type { VisionLanguageProcessor } from './vision-language.js';

const IMAGE = 99;

describe('expansionOf', () => {
  const ids = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 });

  it('is what gives the processed prompt again, and that of another question', () => {
    const inserted = fc.array(fc.constantFrom(IMAGE, 50, 51), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(ids, ids, ids, inserted, (head, tail, other, inside) => {
        const before = [...head, IMAGE, ...tail];
        const found = expansionOf(before, [...head, ...inside, ...tail], IMAGE);
        expect(found).toEqual(inside);
        expect(expand([...head, IMAGE, ...other], inside, IMAGE)).toEqual([...head, ...inside, ...other]);
      }),
    );
  });

  it('is missing where something else changed, or tokens were lost', () => {
    expect(expansionOf([1, IMAGE, 2], [5, IMAGE, IMAGE, 2], IMAGE)).toBeUndefined();
    expect(expansionOf([1, IMAGE, 2], [1, IMAGE, IMAGE, 7], IMAGE)).toBeUndefined();
    expect(expansionOf([1, IMAGE, 2, 3], [1, 3], IMAGE)).toBeUndefined();
  });
});

/** Words are tokens, `<image>` is the picture. */
const processorWith = (template: (content: unknown) => unknown): VisionLanguageProcessor => {
  const tokenizer = ([text]: readonly string[]) => ({
    input_ids: {
      data: BigInt64Array.from(
        (text ?? '').split(/\s+/).map((word) => BigInt(word === '<image>' ? IMAGE : word.length)),
      ),
    },
  });
  const apply_chat_template = (messages: readonly object[]): unknown =>
    template((messages[0] as { content: unknown }).content);
  return Object.assign(async () => ({}), {
    tokenizer: Object.assign(tokenizer, { encode: () => [], decode: () => '' }),
    apply_chat_template,
  });
};
const promptOf = (template: (content: unknown) => unknown, own?: (question: string) => string) =>
  chatPrompt('test', { processor: processorWith(template), imageToken: IMAGE }, 'Is it red?', own);

describe('chatPrompt', () => {
  it('gives a list of contents to a template that knows it', () => {
    const prompt = promptOf((content) =>
      Array.isArray(content) ? `User: <image> ${(content[1] as { text: string }).text} Assistant:` : 'no',
    );
    expect(prompt).toEqual({ text: 'User: <image> Is it red? Assistant:', ids: [5, IMAGE, 2, 2, 4, 10] });
  });

  it.each([
    ['writes lists as objects', (content: unknown) => `User: ${content} Assistant:`],
    [
      'throws for lists',
      (content: unknown) => {
        if (typeof content !== 'string') throw new Error('can only concatenate str');
        return `User: ${content} Assistant:`;
      },
    ],
  ])('gives a text with <image> to a template that %s', (_, template) => {
    expect(promptOf(template).text).toBe('User: <image>\nIs it red? Assistant:');
  });

  it('takes a template of the user instead', () => {
    const prompt = promptOf(
      () => 'not asked',
      (question) => `Q: <image> ${question}`,
    );
    expect(prompt.text).toBe('Q: <image> Is it red?');
  });

  it.each([
    ['no picture', () => 'Is it red?', undefined],
    ['two pictures', () => '<image> <image> Is it red?', undefined],
    ['no question', () => '<image> Is it blue?', undefined],
    ['no text', () => [1, 2], undefined],
    ['a template of the user without the picture', () => '<image> Is it red?', (q: string) => q],
  ])('refuses %s', (_, template, own) => {
    expect(() => promptOf(template, own)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringMatching(/Pass `template`/) }),
    );
  });

  it('blames a question that has a picture in it', () => {
    const text = 'Is <image> red?';
    const processor = processorWith((content) => `User: <image> ${(content as { text: string }[])[1]?.text}`);
    expect(() => chatPrompt('test', { processor, imageToken: IMAGE }, text)).toThrow(
      expect.objectContaining({ code: 'reward', message: expect.stringMatching(/Is <image> red/) }),
    );
  });

  it('says why the template of the model failed', () => {
    const broken = (): never => {
      throw new Error('tokenizer.chat_template is not set');
    };
    expect(() => promptOf(broken)).toThrow(/tokenizer\.chat_template is not set/);
  });
});
