/** What `yesNoModel` and the rewards on it do with a real model: loading, sharing, failing, ending. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RgbImage, Sample } from 'bicot';
import {
  judgeReward,
  loadTransformers,
  type OnnxModel,
  questionReward,
  type TransformersModule,
  yesNoModel,
} from 'bicot/rewards/transformers';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/vision/${name}`, import.meta.url));

function pictureOf(width: number, height: number, seed: number): RgbImage {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => (i * 37 + seed * 101 + (i >> 5)) % 256,
  );
  return { width, height, data };
}
const row = {
  prompt: 'a purple elephant and a cat',
  nouns: ['elephant', 'cat'],
  attr_nouns: ['purple elephant', 'cat'],
};
const sampleOf = (image: RgbImage, index: number): Sample<typeof row> => ({
  ...{ prompt: row, group: 0, index, image, tokens: {} },
});
const QUESTION = 'Is there a cat in the image?';

let transformers: TransformersModule;
beforeAll(async () => {
  transformers = await loadTransformers('test');
});

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});
/** A copy of a model's folder in which one JSON file is another. */
function changed(name: string, file: string, change: (content: Record<string, unknown>) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-vision-'));
  made.push(folder);
  cpSync(folderOf(name), folder, { recursive: true });
  const content = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Record<string, unknown>;
  change(content);
  writeFileSync(join(folder, file), JSON.stringify(content));
  return folder;
}

/** The package, with counts of what its models do. */
function counted(): { readonly transformers: TransformersModule; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = { load: 0, encode_image: 0, dispose: 0 };
  const from_pretrained = async (name: string, options?: object): Promise<OnnxModel> => {
    const model = await transformers.AutoModelForImageTextToText.from_pretrained(name, options);
    calls.load = (calls.load ?? 0) + 1;
    for (const method of ['encode_image', 'dispose'] as const) {
      const real = (model as unknown as Record<string, (...given: unknown[]) => unknown>)[
        method
      ] as () => unknown;
      Object.assign(model, {
        [method]: (...given: []) => {
          calls[method] = (calls[method] ?? 0) + 1;
          return real.apply(model, given);
        },
      });
    }
    return model;
  };
  return { transformers: { ...transformers, AutoModelForImageTextToText: { from_pretrained } }, calls };
}

describe('rewards that ask', () => {
  const samples = [0, 1, 2, 3].map((i) => sampleOf(pictureOf(32, 32, i), i));

  it.each(['smolvlm', 'qwen2-vl', 'llava'])(
    'two of them share %s, which sees each picture once',
    async (name) => {
      const { transformers, calls } = counted();
      const model = yesNoModel({ model: folderOf(name), transformers });
      expect(calls.load).toBe(0);
      const rewards = [questionReward({ model }), judgeReward({ model })];
      const together = await Promise.all(rewards.map((reward) => reward(samples)));
      expect(calls).toEqual({ load: 1, encode_image: 4, dispose: 0 });
      const apart = [];
      for (const reward of rewards) apart.push(await reward(samples));
      expect(together).toEqual(apart);
      expect(calls.encode_image).toBe(12);
      const values = together.flat().map((result) => (result.kind === 'score' ? result.value : Number.NaN));
      expect(new Set(values).size).toBe(8);
      for (const value of values) expect(value > 0 && value < 1).toBe(true);
      await model.dispose();
    },
  );

  it('score a sample as the mean of what the model answers', async () => {
    const model = yesNoModel({ model: folderOf('smolvlm') });
    const questions = ['Is there a purple elephant in the image?', QUESTION].map(
      (q) => `${q} Answer yes or no.`,
    );
    const [sample] = samples as [Sample<typeof row>];
    const [first, second] = (await model(sample.image as RgbImage, questions)) as [number, number];
    expect(Math.abs(first - second)).toBeGreaterThan(0.01);
    const [result] = await questionReward({ model })([sample]);
    expect(result).toEqual({ kind: 'score', value: (first + second) / 2 });
    await model.dispose();
  });

  it('fail for a picture that the processor refuses, and for no other', async () => {
    const model = yesNoModel({ model: folderOf('qwen2-vl') });
    const long = sampleOf(pictureOf(4000, 2, 1), 1);
    const results = await questionReward({ model })([
      samples[0] as Sample<typeof row>,
      long,
      samples[2] as Sample<typeof row>,
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['score', 'failure', 'score']);
    expect(results[1]).toMatchObject({ reason: expect.stringMatching(/aspect ratio/) });
    await model.dispose();
  });
});

describe('yesNoModel', () => {
  const image = pictureOf(32, 32, 5);

  it('takes pictures of any size and shape', async () => {
    const model = yesNoModel({ model: folderOf('smolvlm') });
    for (const [width, height] of [
      [1, 1],
      [384, 384],
      [33, 7],
    ] as const) {
      const [answer] = await model(pictureOf(width, height, 1), [QUESTION]);
      expect(answer).toBeGreaterThan(0);
      expect(answer).toBeLessThan(1);
    }
    await expect(model({ ...image, width: 31 }, [QUESTION])).rejects.toMatchObject({ code: 'reward' });
    await model.dispose();
  });

  it('does not change the picture, and answers the same again', async () => {
    const model = yesNoModel({ model: folderOf('smolvlm') });
    const before = image.data.slice();
    const answers = await model(image, [QUESTION, 'Is it red?']);
    expect(await model(image, [QUESTION, 'Is it red?'])).toEqual(answers);
    expect([...(await model(image, ['Is it red?'])), ...(await model(image, [QUESTION]))]).toEqual([
      answers[1],
      answers[0],
    ]);
    expect(image.data).toEqual(before);
    await model.dispose();
  });

  it('stops between questions when nobody waits any more', async () => {
    const { transformers, calls } = counted();
    const model = yesNoModel({ model: folderOf('smolvlm'), transformers });
    const controller = new AbortController();
    const call = { signal: controller.signal };
    const running = model(image, Array(50).fill(QUESTION), call);
    const waiting = model(pictureOf(32, 32, 6), [QUESTION], call);
    while (calls.encode_image === 0) await new Promise((resolve) => setTimeout(resolve));
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'aborted' });
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
    expect(calls.encode_image).toBe(1);
    expect(await model(image, [QUESTION])).toHaveLength(1);
    await model.dispose();
  });

  it('ends its model once, after the calls that run', async () => {
    const { transformers, calls } = counted();
    const model = yesNoModel({ model: folderOf('smolvlm'), transformers });
    const running = model(image, [QUESTION]);
    await Promise.all([model.dispose(), model.dispose()]);
    expect(await running).toHaveLength(1);
    expect(calls.dispose).toBe(1);
    await expect(model(image, [QUESTION])).rejects.toMatchObject({ code: 'value' });
  });

  it('names the file that is missing', async () => {
    const folder = changed('smolvlm', 'config.json', () => {});
    rmSync(join(folder, 'onnx/vision_encoder.onnx'));
    await expect(yesNoModel({ model: folder })(image, [QUESTION])).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/vision_encoder\.onnx was not found/),
    });
  });

  it('refuses other architectures, naming those that will do', async () => {
    const folder = changed('smolvlm', 'config.json', (config) => {
      config.model_type = 'llava_onevision';
    });
    await expect(yesNoModel({ model: folder })(image, [QUESTION])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/'llava_onevision', but must be one of idefics3, smolvlm, qwen2_vl/),
    });
  });

  it('refuses a processor without a tokenizer, and ends the model', async () => {
    const folder = changed('llava', 'preprocessor_config.json', (config) => {
      config.processor_class = 'LlavaOnevisionProcessor';
    });
    const { transformers, calls } = counted();
    await expect(yesNoModel({ model: folder, transformers })(image, [QUESTION])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/no processor of pictures and text together/),
    });
    expect(calls.dispose).toBe(1);
  });

  it('refuses a tokenizer that splits the words, and ends the model', async () => {
    const folder = changed('qwen2-vl', 'tokenizer.json', (config) => {
      const { model } = config as { model: { merges: unknown[] } };
      model.merges = model.merges.filter((merge) => !JSON.stringify(merge).includes('N'));
    });
    const { transformers, calls } = counted();
    await expect(yesNoModel({ model: folder, transformers })(image, [QUESTION])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/no single token for "No", "no", " No", " no"/),
    });
    expect(calls.dispose).toBe(1);
  });

  it('takes a template where the model has none', async () => {
    const folder = changed('smolvlm', 'tokenizer_config.json', (config) => {
      delete config.chat_template;
    });
    const bare = yesNoModel({ model: folder });
    await expect(bare(image, [QUESTION])).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/chat_template.*Pass `template`/),
    });
    const template = (question: string): string =>
      `<|im_start|>User:<image>${question}<end_of_utterance>\nAssistant:`;
    const [own, usual] = [
      yesNoModel({ model: folder, template }),
      yesNoModel({ model: folderOf('smolvlm') }),
    ];
    expect(await own(image, [QUESTION])).toEqual(await usual(image, [QUESTION]));
    await Promise.all([own, usual, bare].map((model) => model.dispose()));
  });

  it('takes a template that knows text only', async () => {
    const folder = changed('llava', 'tokenizer_config.json', (config) => {
      config.chat_template =
        "{% for message in messages %}{{ message['role'] | upper + ': ' + message['content'] + ' ' }}{% endfor %}ASSISTANT:";
    });
    const [plain, usual] = [yesNoModel({ model: folder }), yesNoModel({ model: folderOf('llava') })];
    expect(await plain(image, [QUESTION])).toEqual(await usual(image, [QUESTION]));
    await Promise.all([plain, usual].map((model) => model.dispose()));
  });
});
