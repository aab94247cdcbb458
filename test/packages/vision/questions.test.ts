/** Yes/no questions by the real runtime, compared with transformers in Python; see test/reference/vision_language.py. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RgbImage } from 'bicot';
import { loadTransformers, yesNoModel } from 'bicot/rewards/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chatPrompt } from '../../../src/rewards/transformers/chat-prompt.js';
import { toRawImage } from '../../../src/rewards/transformers/image.js';
import type {
  OnnxTensor,
  OnnxTensors,
  TransformersModule,
} from '../../../src/rewards/transformers/package.js';
import { encodePicture, firstTokenLogits } from '../../../src/rewards/transformers/picture-questions.js';
import {
  loadVisionLanguage,
  type VisionLanguageModel,
  type VisionLanguageParts,
} from '../../../src/rewards/transformers/vision-language.js';

interface Expected {
  readonly pictures: Record<string, { width: number; height: number; rgb: string }>;
  readonly pixels: Record<string, { shape: number[]; float32: string }>;
  readonly yes: readonly number[];
  readonly no: readonly number[];
  readonly num_logits_to_keep: boolean;
  readonly cases: readonly {
    readonly picture: string;
    readonly question: string;
    readonly text: string;
    readonly input_ids: readonly number[];
    readonly logits: readonly number[];
    readonly probability: number;
  }[];
}

/** Logits of both, on the same pixels, are in ±5; ONNX Runtime in float32, PyTorch in float64. */
const LOGITS_APART = 2e-5;
/** Resampled or not; the second is in another order of float32 operations. */
const PIXELS_APART = 1e-6;
/** Of probabilities. */
const ANSWERS_APART = 1e-6;
/**
 * Idefics3's own processor comes to one view by way of another size. That shows where the sides of a picture differ and it is larger
 * than a view (pixels on average, of a range of 2, and probabilities), and less where it leads over a greater size.
 */
const DETOUR = { pixels: 0.03, probabilities: 0.03, enlarged: 0.01 };

const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/vision/${name}`, import.meta.url));
const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'));
const floatsOf = (base64: string): Float32Array => new Float32Array(bytesOf(base64).buffer);
const difference = (a: ArrayLike<number>, b: ArrayLike<number>): { mean: number; max: number } => {
  expect(a.length).toBe(b.length);
  const each = Array.from(a, (value, i) => Math.abs(value - (b[i] as number)));
  return { mean: each.reduce((sum, value) => sum + value, 0) / each.length, max: Math.max(...each) };
};

describe.each(['smolvlm', 'qwen2-vl', 'llava'] as const)('%s', (name) => {
  const folder = folderOf(name);
  const expected = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as Expected;
  const pictures = Object.fromEntries(
    Object.entries(expected.pictures).map(([key, { rgb, ...sides }]) => [
      key,
      { ...sides, data: bytesOf(rgb) },
    ]),
  );
  const pictureOf = (key: string): RgbImage => pictures[key] as RgbImage;
  let parts: VisionLanguageParts;
  let transformers: TransformersModule;
  beforeAll(async () => {
    transformers = await loadTransformers('test');
    parts = await loadVisionLanguage('test', { model: folder });
  });
  afterAll(() => parts.model.dispose());

  const processed = (key: string, text: string): Promise<OnnxTensors> =>
    parts.processor(...parts.arrange(text, toRawImage(transformers, pictureOf(key))));

  it('finds the tokens of yes and no', () => {
    expect(parts.answers).toEqual({ yes: expected.yes, no: expected.no });
  });

  it('makes the prompts that transformers makes', async () => {
    for (const { picture, question, text, input_ids } of expected.cases) {
      const prompt = chatPrompt('test', parts, question);
      expect(prompt.text).toBe(text);
      const inputs = await processed(picture, prompt.text);
      expect(Array.from((inputs.input_ids as OnnxTensor).data as BigInt64Array, Number)).toEqual(input_ids);
    }
  });

  const goesADetour = (key: string): boolean => name === 'smolvlm' && key === 'shrunk';

  it('makes the pixels that transformers makes', async () => {
    for (const [key, { shape, float32 }] of Object.entries(expected.pixels)) {
      const { pixel_values } = await processed(key, (expected.cases[0] as Expected['cases'][0]).text);
      const { dims, data } = pixel_values as OnnxTensor;
      expect(dims).toEqual(shape);
      const { mean, max } = difference(data as Float32Array, floatsOf(float32));
      if (goesADetour(key)) expect(mean).toBeLessThan(DETOUR.pixels);
      else expect(max).toBeLessThan(PIXELS_APART);
    }
  });

  /** The same model, shown the pixels that transformers made. */
  const withPixels = (key: string): VisionLanguageParts => {
    const { shape, float32 } = expected.pixels[key] as Expected['pixels'][string];
    const processor = async (...inputs: readonly unknown[]): Promise<OnnxTensors> => ({
      ...(await parts.processor(...inputs)),
      pixel_values: new transformers.Tensor('float32', floatsOf(float32), shape),
    });
    const { tokenizer } = parts.processor;
    return { ...parts, processor: Object.assign(processor, { tokenizer, apply_chat_template: () => '' }) };
  };

  it('gives the logits that transformers gives, for questions after the first one, too', async () => {
    let seen = 0;
    for (const key of Object.keys(pictures)) {
      const cases = expected.cases.filter(({ picture }) => picture === key);
      const prompts = cases.map(({ question }) => chatPrompt('test', parts, question));
      const shown = withPixels(key);
      const picture = await encodePicture(shown, pictureOf(key), prompts[0] as (typeof prompts)[0]);
      expect(picture.expansion?.length).toBeGreaterThan(3);
      for (const [i, prompt] of prompts.entries()) {
        const logits = await firstTokenLogits(shown, pictureOf(key), prompt, picture);
        const { max } = difference(logits, cases[i]?.logits as number[]);
        expect(max).toBeLessThan(LOGITS_APART);
        seen++;
      }
      picture.dispose();
    }
    expect(seen).toBe(9);
  });

  it('gives the same bits as one call of the model with everything', async () => {
    const prompts = expected.cases.slice(0, 3).map(({ question }) => chatPrompt('test', parts, question));
    const image = pictureOf('shrunk');
    const picture = await encodePicture(parts, image, prompts[0] as (typeof prompts)[0]);
    for (const prompt of prompts) {
      const num_logits_to_keep = new transformers.Tensor('int64', BigInt64Array.of(1n), []);
      const inputs = { ...(await processed('shrunk', prompt.text)), num_logits_to_keep };
      const { logits } = await parts.model(inputs);
      const { dims, data } = logits as OnnxTensor;
      const whole = (data as Float32Array).slice(-(dims.at(-1) as number));
      expect(await firstTokenLogits(parts, image, prompt, picture)).toEqual(whole);
    }
    // Where a processor did something else to the text, it is called for each question.
    const second = prompts[1] as (typeof prompts)[1];
    const again = await firstTokenLogits(parts, image, second, { ...picture, expansion: undefined });
    expect(again).toEqual(await firstTokenLogits(parts, image, second, picture));
    picture.dispose();
  });

  it('asks the decoder for the last logits only, where it can give them, and frees every tensor', async () => {
    const tensors: OnnxTensor[] = [];
    const rows: (number | undefined)[] = [];
    const collect = (values: OnnxTensors): void => {
      tensors.push(
        ...(Object.values(values).filter((value) => value instanceof transformers.Tensor) as OnnxTensor[]),
      );
    };
    const model = async (inputs: OnnxTensors): Promise<OnnxTensors> => {
      collect(inputs);
      const outputs = await parts.model(inputs);
      collect(outputs);
      rows.push((outputs.logits as OnnxTensor).dims[1]);
      return outputs;
    };
    const watched = {
      ...parts,
      model: Object.assign(model, {
        config: parts.model.config,
        dispose: async () => {},
        encode_image: async (inputs: OnnxTensors) => {
          collect(inputs);
          const features = await parts.model.encode_image(inputs);
          collect({ features });
          return features;
        },
        encode_text: (inputs: OnnxTensors) => parts.model.encode_text(inputs),
      } satisfies Partial<VisionLanguageModel>) as VisionLanguageModel,
    };
    const prompt = chatPrompt('test', parts, 'Is there a ball?');
    const picture = await encodePicture(watched, pictureOf('exact'), prompt);
    await firstTokenLogits(watched, pictureOf('exact'), prompt, picture);
    picture.dispose();
    if (expected.num_logits_to_keep) expect(rows).toEqual([1]);
    else expect(rows[0]).toBeGreaterThan(50);
    // pixels, features, embeddings, ids, mask, logits to keep, logits, keys and values of two layers
    expect(tensors.length).toBeGreaterThanOrEqual(11);
    for (const tensor of tensors) expect(() => tensor.data).toThrow(/disposed/);
  });

  it('reads logits in half precision', async () => {
    const prompt = chatPrompt('test', parts, 'Is there a ball?');
    const picture = await encodePicture(parts, pictureOf('exact'), prompt);
    const size = (expected.cases[0] as Expected['cases'][0]).logits.length;
    const bits = new Uint16Array(2 * size).fill(0x4200); // 3
    bits.set([0x3c00, 0xc000], 2 * size - 2); // 1 and −2
    const half = globalThis as { readonly Float16Array?: new (buffer: ArrayBuffer) => Uint16Array };
    const data = half.Float16Array ? new half.Float16Array(bits.buffer) : bits;
    const { Tensor } = transformers as unknown as { Tensor: new (...given: unknown[]) => OnnxTensor };
    const model = async () => ({ logits: new Tensor('float16', data, [1, 2, size]) });
    const { encode_text } = parts.model;
    const halved = {
      ...parts,
      model: Object.assign(model, { encode_text: encode_text.bind(parts.model) }) as never,
    };
    const logits = await firstTokenLogits(halved, pictureOf('exact'), prompt, picture);
    expect([logits.length, logits[0], ...logits.slice(-2)]).toEqual([size, 3, 1, -2]);
    picture.dispose();
  });

  it('refuses features that do not fit the prompt', async () => {
    const prompt = chatPrompt('test', parts, 'Is there a ball?');
    const picture = await encodePicture(parts, pictureOf('exact'), prompt);
    const features = new transformers.Tensor('float32', new Float32Array(64), [2, 32]);
    await expect(
      firstTokenLogits(parts, pictureOf('exact'), prompt, { ...picture, features }),
    ).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/2 features of 32 float32/),
    });
    picture.dispose();
  });

  it('answers with the probabilities that transformers gives', async () => {
    const model = yesNoModel({ model: folder });
    for (const key of Object.keys(pictures)) {
      const cases = expected.cases.filter(({ picture }) => picture === key);
      const answers = await model(
        pictureOf(key),
        cases.map(({ question }) => question),
      );
      const { max } = difference(
        answers,
        cases.map(({ probability }) => probability),
      );
      expect(max).toBeLessThan(goesADetour(key) ? DETOUR.probabilities : ANSWERS_APART);
      // The answers depend on the question, and below on the picture.
      expect(Math.max(...answers) - Math.min(...answers)).toBeGreaterThan(0.015);
    }
    const firsts = expected.cases.filter(({ question }) => question === expected.cases[0]?.question);
    expect(new Set(firsts.map(({ probability }) => probability.toFixed(2))).size).toBe(3);
    await model.dispose();
  });
});

describe('one view', () => {
  it('is about what it is by way of an enlarged picture', async () => {
    const folder = folderOf('smolvlm');
    const { enlarged_first } = JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as {
      readonly enlarged_first: Expected['pictures'][string] & Expected['pixels'][string];
    };
    const parts = await loadVisionLanguage('test', { model: folder });
    const { width, height, rgb, float32 } = enlarged_first;
    const image = toRawImage(parts.transformers, { width, height, data: bytesOf(rgb) });
    const { pixel_values } = await parts.processor(...parts.arrange('<image>', image));
    const { mean } = difference((pixel_values as OnnxTensor).data as Float32Array, floatsOf(float32));
    expect(mean).toBeLessThan(DETOUR.enlarged);
    await parts.model.dispose();
  });
});
