/** `imageTextSimilarity` on small models of CLIP and SigLIP, against PyTorch. */
import type { RewardResult } from 'bicot';
import { imageTextSimilarity, loadTransformers, type OnnxTensor } from 'bicot/rewards/transformers';
import { describe, expect, it } from 'vitest';
import {
  type ExpectedTowers,
  farthest,
  modelFolder,
  picture,
  pictured,
  readExpected,
} from '../../support/vision.js';
import { processPictures } from './process.js';
import { watchTensors } from './watch-tensors.js';

/** ONNX Runtime and PyTorch, preprocessing included: 5e-7 measured. */
const SAME_PIXELS = 5e-6;
const scoreOf = (result: RewardResult): number => {
  expect(result.kind).toBe('score');
  return (result as { value: number }).value;
};

describe.each(['clip', 'siglip'])('%s', (family) => {
  const expected = readExpected<ExpectedTowers>(family);
  const { texts } = expected;
  const model = modelFolder(family);
  const samplesOf = (kind: 'exact' | 'resized') =>
    [0, 1, 2].flatMap((which) => texts.map((text) => pictured(text, picture(...expected[kind].size, which))));

  it.each(['exact', 'resized'] as const)('gives the cosines of PyTorch: %s', async (kind) => {
    const reward = imageTextSimilarity({ model });
    const given = (await reward(samplesOf(kind))).map(scoreOf);
    expect(farthest(given, expected[kind].cosine.flat())).toBeLessThan(SAME_PIXELS);
    await reward.dispose();
  });

  it('has embeddings of PyTorch', async () => {
    const { AutoModel, AutoTokenizer } = await loadTransformers('test');
    const options = { local_files_only: true };
    const folder = model.pathname;
    const pixels = await processPictures(family, expected.exact.size);
    const words = (await AutoTokenizer.from_pretrained(folder, options))(texts.slice(0, 2) as string[], {
      padding: family === 'clip' ? true : 'max_length',
    }) as Record<string, unknown>;
    const graph = await AutoModel.from_pretrained(folder, options);
    const outputs = (await graph({ ...words, ...pixels })) as Record<string, OnnxTensor>;
    await graph.dispose();
    const { image_embeds, text_embeds } = expected.exact;
    const given = (name: string) => outputs[name]?.data as Float32Array;
    expect(farthest(given('image_embeds'), image_embeds.flat())).toBeLessThan(SAME_PIXELS);
    expect(farthest(given('text_embeds'), text_embeds.slice(0, 2).flat())).toBeLessThan(SAME_PIXELS);
  });

  it('gives the same whatever the batch, and the order of samples', async () => {
    const reward = imageTextSimilarity({ model });
    const samples = samplesOf('exact');
    const all = (await reward(samples)).map(scoreOf);
    for (const batchSize of [1, 4]) {
      const small = imageTextSimilarity({ model, batchSize });
      expect(farthest((await small(samples)).map(scoreOf), all)).toBeLessThan(SAME_PIXELS);
      await small.dispose();
    }
    const backwards = (await reward([...samples].reverse())).map(scoreOf);
    expect(farthest(backwards.reverse(), all)).toBeLessThan(SAME_PIXELS);
    await reward.dispose();
  });

  it('reads the end of a text that is too long for the model', async () => {
    const long = Array.from({ length: 60 }, () => 'purple elephant').join(' ');
    const reward = imageTextSimilarity({ model });
    const image = picture(32, 32, 0);
    // Both are cut to the same tokens, the end token after them; the last text of the fixture is PyTorch's word on it.
    const samples = [pictured(long, image), pictured(`${long} ${long} car`, image)];
    const [once, twice] = (await reward(samples)).map(scoreOf);
    expect(twice).toBe(once);
    await reward.dispose();
  });

  it('leaves no tensor', async () => {
    const transformers = await loadTransformers('test');
    const watch = watchTensors(transformers);
    const reward = imageTextSimilarity({ model, transformers: watch.transformers, batchSize: 2 });
    await reward(samplesOf('exact'));
    expect(watch.seen()).toBeGreaterThan(10);
    expect(watch.left()).toEqual([]);
    await reward.dispose();
  });
});

describe('imageTextSimilarity', () => {
  const image = picture(32, 32, 0);

  it('says that a model is of another kind, before it reads weights', async () => {
    const reward = imageTextSimilarity({ model: modelFolder('owlvit') });
    await expect(reward([pictured('a cat', image)])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/is a model of type 'owlvit', but must be one of clip, siglip/),
    });
  });

  it('names the file that is missing', async () => {
    const reward = imageTextSimilarity({ model: modelFolder('clip'), dtype: 'fp16' });
    await expect(reward([pictured('a cat', image)])).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/vision\/clip\/onnx\/model_fp16\.onnx was not found\. Pass the folder/),
    });
  });

  it('refuses calls after it was disposed, and is disposed twice without harm', async () => {
    const reward = imageTextSimilarity({ model: modelFolder('clip') });
    await reward([pictured('a cat', image)]);
    await Promise.all([reward.dispose(), reward.dispose()]);
    await expect(reward([pictured('a cat', image)])).rejects.toMatchObject({ code: 'value' });
  });

  it('waits for calls that run before it frees the model', async () => {
    const reward = imageTextSimilarity({ model: modelFolder('clip') });
    const running = reward([pictured('a cat', image)]);
    await reward.dispose();
    expect((await running)[0]?.kind).toBe('score');
  });
});
