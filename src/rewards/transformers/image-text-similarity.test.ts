import { describe, expect, it } from 'vitest';
import { type FakeOptions, fakeTransformers } from '../../../test/support/fake-transformers.js';
import { pictured } from '../../../test/support/vision.js';
import { type ImageTextSimilarityOptions, imageTextSimilarity } from './image-text-similarity.js';

/** A picture of one byte, which the fake embeds as [byte, 1]. */
const pixel = (byte: number) => ({ width: 1, height: 1, data: Uint8Array.of(byte, 0, 0) });
const cosine = (byte: number, text: string) =>
  (byte * text.length + 1) / Math.sqrt((byte ** 2 + 1) * (text.length ** 2 + 1));
const scored = (byte: number, text: string) => ({
  kind: 'score',
  value: expect.closeTo(cosine(byte, text), 12),
});

function make<Prompt = unknown>(
  fakeOptions: FakeOptions = {},
  options: Partial<ImageTextSimilarityOptions<Prompt>> = {},
) {
  const fake = fakeTransformers(fakeOptions);
  const { transformers } = fake;
  return { fake, reward: imageTextSimilarity<Prompt>({ model: 'a/b', transformers, ...options }) };
}

describe('imageTextSimilarity', () => {
  it('gives cosines, each picture’s with its own text, and embeds every text once', async () => {
    const { fake, reward } = make({}, { batchSize: 2 });
    const samples = [
      pictured('cat', pixel(3)),
      pictured('giraffe', pixel(1)),
      pictured('cat', pixel(0)),
      pictured('cow', pixel(7)),
      pictured('giraffe', pixel(200)),
    ];
    expect(await reward(samples)).toEqual([
      scored(3, 'cat'),
      scored(1, 'giraffe'),
      scored(0, 'cat'),
      scored(7, 'cow'),
      scored(200, 'giraffe'),
    ]);
    expect(fake.runs).toEqual([
      { texts: ['cat', 'giraffe', 'cow'], images: [3, 1] },
      { texts: ['cat'], images: [0, 7] },
      { texts: ['cat'], images: [200] },
    ]);
    expect(fake.open).toBe(0);
  });

  it('abstains without a picture, fails for a malformed one, and loads nothing for these alone', async () => {
    const { fake, reward } = make();
    const broken = { width: 2, height: 2, data: new Uint8Array(16) };
    const others = [
      { kind: 'abstain', reason: 'the sample has no image' },
      { kind: 'failure', reason: expect.stringMatching(/2 × 2 with 16 bytes/) },
    ];
    expect(await reward([pictured('a'), pictured('b', broken)])).toEqual(others);
    expect(await reward([])).toEqual([]);
    expect(fake.loaded).toEqual([]);
    const results = await reward([pictured('a'), pictured('cat', pixel(5)), pictured('b', broken)]);
    expect(results).toEqual([others[0], scored(5, 'cat'), others[1]]);
  });

  it('reads texts from strings, from rows, and as it is told', async () => {
    const rows = make();
    await rows.reward([pictured({ prompt: 'a dog' }, pixel(1)), pictured('a cat', pixel(1))]);
    expect(rows.fake.runs[0]?.texts).toEqual(['a dog', 'a cat']);
    const told = make<{ n: number }>({}, { text: ({ n }) => 'x'.repeat(n) });
    await told.reward([pictured({ n: 3 }, pixel(1))]);
    expect(told.fake.runs[0]?.texts).toEqual(['xxx']);
    await expect(rows.reward([pictured({ text: 'a dog' }, pixel(1))])).rejects.toMatchObject({
      code: 'prompt-row',
      message: expect.stringMatching(/a prompt is \{"text":"a dog"\}/),
    });
  });

  it.each([
    ['clip', true],
    ['siglip', 'max_length'],
  ])('pads texts as %s was trained: %s', async (type, padding) => {
    const { fake, reward } = make({ type });
    await reward([pictured('cat', pixel(1))]);
    expect(fake.padding).toEqual([padding]);
  });

  it('obeys the signal between batches, and frees the tensors of those that ran', async () => {
    const controller = new AbortController();
    const { fake, reward } = make({ onRun: () => controller.abort('enough') }, { batchSize: 1 });
    const samples = [pictured('cat', pixel(1)), pictured('dog', pixel(2))];
    await expect(reward(samples, { signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
      cause: 'enough',
    });
    expect(fake.runs).toHaveLength(1);
    expect(fake.open).toBe(0);
    const { reward: other, fake: unused } = make();
    await expect(other(samples, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
    expect(unused.loaded).toEqual([]);
  });

  it('frees tensors of a run that failed', async () => {
    const { fake, reward } = make({ onRun: () => Promise.reject(new Error('out of memory')) });
    await expect(reward([pictured('cat', pixel(1))])).rejects.toThrow('out of memory');
    expect(fake.open).toBe(0);
  });

  it('fails where embeddings are no numbers, and throws where the model gives none', async () => {
    const tensor = (data: number[], dims: number[]) => ({ type: 'float32', data, dims, dispose() {} });
    const nan = make({
      outputs: () => ({ image_embeds: tensor([Number.NaN, 1], [1, 2]), text_embeds: tensor([1, 1], [1, 2]) }),
    });
    expect(await nan.reward([pictured('cat', pixel(1))])).toEqual([
      { kind: 'failure', reason: expect.stringMatching(/not finite/) },
    ]);
    const zero = make({
      outputs: () => ({ image_embeds: tensor([0, 0], [1, 2]), text_embeds: tensor([1, 1], [1, 2]) }),
    });
    expect((await zero.reward([pictured('cat', pixel(1))]))[0]?.kind).toBe('failure');
    const none = make({ outputs: () => ({ last_hidden_state: tensor([1], [1]) }) });
    await expect(none.reward([pictured('cat', pixel(1))])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/output text_embeds is missing.*it gives last_hidden_state/),
    });
    const unlike = make({
      outputs: () => ({ image_embeds: tensor([1], [1, 1]), text_embeds: tensor([1, 1], [1, 2]) }),
    });
    await expect(unlike.reward([pictured('cat', pixel(1))])).rejects.toThrow(/1 wide and text_embeds 2/);
  });

  it('is disposed once', async () => {
    const { fake, reward } = make();
    await reward([pictured('cat', pixel(1))]);
    await Promise.all([reward.dispose(), reward.dispose()]);
    expect(fake.disposals).toBe(1);
  });

  it('refuses wrong options at once', () => {
    expect(() => imageTextSimilarity({ model: 'a/b', batch: 3 } as never)).toThrow(/no option 'batch'/);
    expect(() => imageTextSimilarity({ model: '' })).toThrow(/imageTextSimilarity: model is/);
    expect(() => imageTextSimilarity({ model: 'a/b', batchSize: 0 })).toThrow(/batchSize is 0/);
  });
});
