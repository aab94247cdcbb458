import { describe, expect, it } from 'vitest';
import { type FakeOptions, fakeTransformers } from '../../../test/support/fake-transformers.js';
import { captionOf } from './grounding-dino.js';
import { objectDetection } from './object-detection.js';

const image = { width: 1, height: 1, data: new Uint8Array(3) };
const tensor = (data: number[], dims: number[]) => ({ type: 'float32', data, dims, dispose() {} });
const logit = (p: number) => Math.log(p / (1 - p));
/** Two boxes: the first is of the first noun at 0.25, the second of both, at 0.05 and 0.6. */
const outputs = () => ({
  logits: tensor([0.25, 0.01, 0.05, 0.6].map(logit), [1, 2, 2]),
  pred_boxes: tensor([0.5, 0.5, 0.2, 0.4, 0.25, 0.75, 0.5, 0.5], [1, 2, 4]),
});

function make(fakeOptions: FakeOptions = {}, options: object = {}) {
  const fake = fakeTransformers({ type: 'owlvit', outputs, ...fakeOptions });
  return { fake, detect: objectDetection({ model: 'a/b', transformers: fake.transformers, ...options }) };
}

describe('objectDetection', () => {
  it('gives those above the threshold, with corners', async () => {
    const { detect } = make();
    const near = (value: number) => expect.closeTo(value, 6);
    expect(await detect(image, ['Cat', 'dog'])).toEqual([
      { noun: 'Cat', score: near(0.25), box: { x0: near(0.4), y0: near(0.3), x1: near(0.6), y1: near(0.7) } },
      { noun: 'dog', score: near(0.6), box: { x0: 0, y0: 0.5, x1: 0.5, y1: 1 } },
    ]);
    expect(await make({}, { threshold: 0.01 }).detect(image, ['Cat', 'dog'])).toHaveLength(3);
    expect(await make({}, { threshold: 0.9 }).detect(image, ['Cat', 'dog'])).toEqual([]);
  });

  it('asks for nouns in the words that it is told, and answers in the nouns', async () => {
    const { fake, detect } = make({}, { text: (noun: string) => `a photo of a ${noun}` });
    const found = await detect(image, ['cat', 'dog']);
    expect(fake.runs[0]?.texts).toEqual(['a photo of a cat', 'a photo of a dog']);
    expect(found.map(({ noun }) => noun)).toEqual(['cat', 'dog']);
  });

  it('refuses malformed pictures, and no nouns, as this sample’s fault', async () => {
    const { fake, detect } = make();
    await expect(detect({ ...image, width: 2 }, ['cat'])).rejects.toMatchObject({ code: 'reward' });
    await expect(detect(image, [])).rejects.toMatchObject({
      code: 'reward',
      message: 'objectDetection: there is no noun to look for.',
    });
    expect(fake.loaded).toEqual([]);
  });

  it('obeys the signal', async () => {
    const { fake, detect } = make();
    await expect(detect(image, ['cat'], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(fake.runs).toEqual([]);
  });

  it('says when the graph has other outputs', async () => {
    const { detect } = make({ outputs: () => ({ logits: tensor([1], [1]) }) });
    await expect(detect(image, ['cat'])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/output logits is \[1\], but must have 3 dimensions/),
    });
  });

  it('refuses wrong options at once', () => {
    expect(() => make({}, { threshold: 1 })).toThrow(/threshold is 1, but must be at least 0 and below 1/);
    expect(() => make({}, { box_threshold: 0.3 })).toThrow(/'box_threshold'/);
  });
});

describe('captionOf', () => {
  /** Words are their lengths, full stops 9, question marks 8. */
  const ids = (text: string) =>
    (text.match(/[a-z]+|[.?]/g) ?? []).map((word) => ({ '.': 9, '?': 8 })[word] ?? 10 + word.length);
  const tokenizer = (text: string | string[], options?: object) => {
    const bare = (options as { add_special_tokens: boolean }).add_special_tokens === false;
    return { input_ids: bare ? ids(text as string) : [1, ...ids(text as string), 2] };
  };

  it('counts every token of a noun, and those of nouns that share words apart', () => {
    const caption = captionOf('test', tokenizer, ['roll of toilet paper', 'Paper ', 'sports ball', 'ball']);
    expect(caption.text).toBe('roll of toilet paper . paper . sports ball . ball.');
    expect(caption.columns).toEqual([[1, 2, 3, 4], [6], [8, 9], [11]]);
    expect(caption.ids).toHaveLength(14);
  });

  it('refuses a caption that has other tokens than its nouns', () => {
    const merging = (text: string | string[], options?: object) =>
      text === 'a . b.' ? { input_ids: [1, 11, 9, 9, 2] } : tokenizer(text, options);
    expect(() => captionOf('test', merging, ['a', 'b'])).toThrow(/caption "a \. b\." has other tokens/);
    const moved = (text: string | string[], options?: object) =>
      text === 'a . b.' ? { input_ids: [1, 11, 9, 12, 9, 2] } : tokenizer(text, options);
    expect(() => captionOf('test', moved, ['a', 'b'])).toThrow(/other tokens/);
  });
});
