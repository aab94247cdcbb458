import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { expectNoLeak } from '../../../test/support/backends.js';
import { expectScaled } from '../../../test/support/scaled.js';
import {
  llamaGenFixture,
  tinyLlamaGenFolder,
  tinyLlamaGenWeights,
  tinyTokenizerTensors,
} from '../../../test/support/tiny-llamagen.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { tokenBatch } from '../../policy/tokens.js';
import { memoryFolder } from '../checkpoints/memory-folder.js';
import { openTensorFile } from '../checkpoints/open-file.js';
import { encodeSafetensors } from '../safetensors.js';
import type { LlamaGenContext } from './contexts.js';
import { halvesChannel } from './convert.js';
import { type LlamaGenModel, type LoadLlamaGenOptions, loadLlamaGen } from './load.js';
import { llamaGenShapes } from './names.js';
import { saveLlamaGen } from './save.js';

const KINDS = ['class', 'text'] as const;
const FILE = { class: 'c2i_tiny_16', text: 't2i_tiny_16' } as const;

const load = (kind: 'class' | 'text', options: LoadLlamaGenOptions = {}) =>
  loadLlamaGen(tinyLlamaGenFolder(kind), { heads: 4, ...options });

const contexts = {
  class: [{ label: 3 }, { label: 7 }],
  text: llamaGenFixture('text')
    .samples.slice(0, 2)
    .map(({ features }) => ({
      features: Float32Array.from((features ?? []).flat()),
      tokens: features?.length ?? 0,
    })),
} satisfies Record<string, LlamaGenContext[]>;
const completion = tokenBatch([
  [1, 2, 3, 4],
  [60, 61, 62, 63],
]);

async function scores(model: LlamaGenModel, kind: 'class' | 'text'): Promise<Float32Array> {
  const made = completionLogProbs(model, { contexts: contexts[kind], completion, space: 'image' });
  const values = Float32Array.from(await made.data());
  made.dispose();
  return values;
}

/** Adapters that change something. */
function fillAdapters(model: LlamaGenModel): void {
  for (const [i, variable] of Object.values(model.variables).entries()) {
    tf.tidy(() => variable.assign(tf.randomUniform(variable.shape, -0.3, 0.3, 'float32', i)));
  }
}

describe('saveLlamaGen', () => {
  it.each(KINDS)('writes what was loaded, byte for byte, under the published names: %s', async (kind) => {
    await expectNoLeak(async () => {
      const model = await load(kind, { frozen: true });
      const folder = memoryFolder();
      await saveLlamaGen(model, folder);
      expect(await folder.list()).toEqual([`${FILE[kind]}.safetensors`, 'vq_ds4.safetensors']);
      const saved = await openTensorFile(folder, `${FILE[kind]}.safetensors`);
      const { config } = llamaGenFixture(kind);
      expect(new Map([...saved.tensors].map(([name, { shape }]) => [name, shape]))).toEqual(
        new Map(llamaGenShapes(config)),
      );
      // The text fixture's file has the state under `model`, and steps of training beside it.
      const prefix = kind === 'text' ? 'model.' : '';
      for (const [name, { dtype }] of saved.tensors) {
        expect(dtype).toBe('BF16');
        const before = await model.source.readBytes(prefix + name);
        expect(Buffer.compare(await saved.readBytes(name), before), name).toBe(0);
      }
      const size = await folder.size('vq_ds4.safetensors');
      const tokenizer = await folder.read('vq_ds4.safetensors', 0, size);
      expect(Buffer.compare(tokenizer, encodeSafetensors(tinyTokenizerTensors()))).toBe(0);
      // And it is read again without being told of the grid.
      const again = await loadLlamaGen(folder, { heads: 4, frozen: true });
      expect(again.config).toEqual(model.config);
      expect(await scores(again, kind)).toEqual(await scores(model, kind));
      for (const one of [model, again]) one.dispose();
    });
  });

  it.each(KINDS)('writes what was trained as PyTorch has it, in the format that it had: %s', async (kind) => {
    const model = await load(kind);
    for (const variable of Object.values(model.variables)) {
      tf.tidy(() => variable.assign(tf.mul(variable, 2)));
    }
    const folder = memoryFolder();
    const seen: string[] = [];
    await saveLlamaGen(model, folder, {
      onProgress: ({ tensor, total }) => seen.push(`${tensor} of ${total}`),
    });
    const saved = await openTensorFile(folder, `${FILE[kind]}.safetensors`);
    expect(seen).toEqual([...saved.tensors.keys()].map((name) => `${name} of ${saved.tensors.size}`));
    // Not what bicot read, but what made the file.
    for (const [name, before] of tinyLlamaGenWeights(llamaGenFixture(kind).config)) {
      expect(saved.tensors.get(name)?.dtype).toBe('BF16');
      // What stands for no caption is never trained; twice a number of bfloat16 is one of bfloat16.
      const factor = name === 'cls_embedding.uncond_embedding' ? 1 : 2;
      expectScaled(await saved.readFloats(name), before, factor, name);
    }
    model.dispose();
  });

  it.each(KINDS)('merges adapters: %s', async (kind) => {
    const targets = ['wq', 'wv', 'w2'];
    const model = await load(kind, { lora: { rank: 2, targets } });
    fillAdapters(model);
    const folder = memoryFolder();
    await expectNoLeak(() => saveLlamaGen(model, folder, { dtype: 'F32' }));
    const merged = await loadLlamaGen(folder, { heads: 4, frozen: true });
    const [before, after] = [await scores(model, kind), await scores(merged, kind)];
    expect(after).toBeAllclose(before, 1e-5);
    const plain = await load(kind, { frozen: true });
    expect(after).not.toBeAllclose(await scores(plain, kind), 1e-2);
    // Only what has an adapter is in the new format.
    const formats = [...merged.source.tensors.values()].filter(({ dtype }) => dtype === 'F32');
    expect(formats.map(({ name }) => name)).toEqual(
      [0, 1].flatMap((layer) => [
        `layers.${layer}.attention.wqkv.weight`,
        `layers.${layer}.feed_forward.w2.weight`,
      ]),
    );

    // Queries by hand: W + A·B, whose channels stand elsewhere here; keys have no adapter, and are as they were.
    const name = 'layers.1.attention.wqkv.weight';
    const { width: d, heads } = model.config;
    const published = tinyLlamaGenWeights(model.config).get(name) as Float32Array;
    const now = await merged.source.readFloats(name);
    const [down, up] = await Promise.all(
      ['A', 'B'].map(
        (part) => model.variables[`layers.1.attention.wq.lora_${part}`]?.array() as Promise<number[][]>,
      ),
    );
    for (const [channel, input] of [
      [0, 0],
      [1, 5],
      [9, 17],
      [d - 2, d - 1],
    ] as const) {
      const column = halvesChannel(channel, d / heads);
      const change = [0, 1].reduce(
        (sum, r) => sum + (down?.[input]?.[r] as number) * (up?.[r]?.[column] as number),
        0,
      );
      const wanted = (published[channel * d + input] as number) + change;
      expect(now[channel * d + input]).toBeCloseTo(wanted, 5);
      expect(Math.abs(change)).toBeGreaterThan(1e-6);
    }
    expect(now.subarray(d * d, 2 * d * d)).toEqual(published.subarray(d * d, 2 * d * d));
    for (const one of [model, merged, plain]) one.dispose();
  });

  it('goes without an image tokenizer that was not loaded', async () => {
    const model = await load('class', { tokenizer: false, transformer: 'c2i_tiny_16.pt', grid: 4 });
    const folder = memoryFolder();
    await saveLlamaGen(model, folder);
    expect(await folder.list()).toEqual(['c2i_tiny_16.safetensors']);
    model.dispose();
  });

  it('refuses a folder with other weights, and options that nobody reads', async () => {
    const model = await load('class', { frozen: true });
    // Such as the one that was loaded, whose file ends in .pt.
    const folder = tinyLlamaGenFolder('class');
    await expect(saveLlamaGen(model, folder)).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/memory holds other weights \(c2i_tiny_16\.pt\)/),
    });
    expect(await folder.list()).toEqual(['c2i_tiny_16.pt', 'vq_ds4.safetensors']);
    const options = { maxShardBytes: 1e6 } as object;
    await expect(saveLlamaGen(model, memoryFolder(), options)).rejects.toThrow(/no option 'maxShardBytes'/);
    // Saving twice to one folder is saving again.
    const twice = memoryFolder();
    await saveLlamaGen(model, twice);
    await saveLlamaGen(model, twice);
    expect(await twice.list()).toHaveLength(2);
    model.dispose();
  });
});
