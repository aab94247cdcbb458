import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_BACKEND, describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import {
  llamaGenFile,
  llamaGenFixture,
  tinyLlamaGenFolder,
  tinyTokenizerTensors,
  tinyTransformerTensors,
} from '../../../test/support/tiny-llamagen.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { tokenBatch } from '../../policy/tokens.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';
import { memoryFolder } from '../checkpoints/memory-folder.js';
import { saveAdapters } from '../lora/peft-files.js';
import { withoutAdapters } from '../lora/reference.js';
import { encodeSafetensors, type HostTensor } from '../safetensors.js';
import type { LlamaGenContext } from './contexts.js';
import { type LlamaGenModel, type LoadLlamaGenOptions, loadLlamaGen } from './load.js';

type Tensors = Record<string, HostTensor>;

const { config } = llamaGenFixture('class');
const file = encodeSafetensors;
const published = () => tinyTransformerTensors(config);

/** A folder of safetensors. */
const folderOf = (transformer: Tensors, tokenizer: Tensors = tinyTokenizerTensors()) =>
  memoryFolder({ 'c2i_16.safetensors': file(transformer), 'vq.safetensors': file(tokenizer) });

const without = (tensors: Tensors, name: string): Tensors =>
  Object.fromEntries(Object.entries(tensors).filter(([own]) => own !== name));

const contexts: LlamaGenContext[] = [{ label: 3 }, { label: 7 }];
const completion = tokenBatch([
  [1, 2, 3, 4],
  [60, 61, 62, 63],
]);

async function scores(model: LlamaGenModel): Promise<Float32Array> {
  const made = completionLogProbs(model, { contexts, completion, space: 'image' });
  const values = Float32Array.from(await made.data());
  made.dispose();
  return values;
}

const set = (variables: LlamaGenModel['variables'], value: number): void =>
  tf.tidy(() => {
    for (const variable of Object.values(variables)) variable.assign(tf.fill(variable.shape, value));
  });

describeOnBackends('loadLlamaGen', () => {
  it('reads files of PyTorch and safetensors alike, under whatever a training script put the model', async () => {
    const expected = await scoresOf(tinyLlamaGenFolder('class'));
    expect(await scoresOf(folderOf(published()))).toEqual(expected);
    for (const prefix of ['model.', 'module.', 'state_dict.']) {
      const beside = { 'optimizer.step': { dtype: 'F32', shape: [1], data: new Float32Array(1) } } as const;
      const transformer = { ...tinyTransformerTensors(config, prefix), ...beside };
      expect(await scoresOf(folderOf(transformer, tinyTokenizerTensors(prefix)))).toEqual(expected);
    }
    async function scoresOf(folder: CheckpointFolder): Promise<Float32Array> {
      const model = await loadLlamaGen(folder, { heads: 4 });
      const values = await scores(model);
      model.dispose();
      return values;
    }
  });

  it('tells of its progress, and of what it did not read', async () => {
    const seen: [string, number, number, number][] = [];
    const model = await loadLlamaGen(tinyLlamaGenFolder('text'), {
      heads: 4,
      onProgress: ({ tensor, done, total, bytes, totalBytes }) =>
        seen.push([tensor, done, total, bytes / totalBytes]),
    });
    expect(seen[0]?.slice(0, 2)).toEqual(['model.cls_embedding.uncond_embedding', 1]);
    expect(seen.at(-1)).toEqual(['decoder.conv_out.bias', seen.length, seen.length, 1]);
    expect(model.notes).toEqual([
      'memory/vq_ds4.safetensors: 3 tensors that drawing does not need were not read.',
    ]);
    expect(model.folder.path).toBe('memory');
    expect(Object.keys(model.variables)).not.toContain('cls_embedding.uncond_embedding');
    model.dispose();
  });

  it('goes without pictures if it is told to', async () => {
    const folder = memoryFolder({ 'class.pt': llamaGenFile('class.pt') });
    const model = await loadLlamaGen(folder, { heads: 4, grid: 4, tokenizer: false });
    expect(model.config).toEqual(config);
    expect(model.spaces.image.decode).toBeUndefined();
    expect(() => model.pixels(completion)).toThrow(/without an image tokenizer/);
    expect(model.notes).toEqual([expect.stringMatching(/no image tokenizer/)]);
    model.dispose();
  });

  it('trains everything, nothing, or adapters that change nothing at first', async () => {
    const folder = tinyLlamaGenFolder('class');
    const whole = await loadLlamaGen(folder, { heads: 4 });
    expect(Object.keys(whole.variables)).toHaveLength(4 + 2 * 9);
    const expected = await scores(whole);
    const frozen = await loadLlamaGen(folder, { heads: 4, frozen: true });
    expect(frozen.variables).toEqual({});
    expect(await scores(frozen)).toEqual(expected);
    const adapted = await loadLlamaGen(folder, {
      heads: 4,
      lora: { rank: 2, targets: ['wq', 'feed_forward.w2'] },
    });
    const modules = [0, 1].flatMap((layer) => [
      `layers.${layer}.attention.wq`,
      `layers.${layer}.feed_forward.w2`,
    ]);
    expect([...(adapted.adapters?.adapted.keys() ?? [])]).toEqual(modules);
    expect(Object.keys(adapted.variables)).toEqual(
      modules.flatMap((path) => [`${path}.lora_A`, `${path}.lora_B`]),
    );
    expect(await scores(adapted)).toEqual(expected);
    for (const model of [whole, frozen, adapted]) model.dispose();
  });

  it('leaves the bits of what adapters lie beside, and reads adapters that it saved', async () => {
    const folder = tinyLlamaGenFolder('class');
    const model = await loadLlamaGen(folder, { heads: 4, lora: { rank: 3, alpha: 6 } });
    const { adapters } = model;
    if (!adapters) throw new Error('no adapters');
    const before = await scores(model);
    set(model.variables, 0.1);
    const trained = await scores(model);
    expect(Math.max(...trained.map((value, i) => Math.abs(value - (before[i] as number))))).toBeGreaterThan(
      0.01,
    );
    const off = withoutAdapters(adapters, () =>
      completionLogProbs(model, { contexts, completion, space: 'image' }),
    );
    expect(await off.data()).toEqual(before);
    const saved = memoryFolder();
    await saveAdapters(saved, adapters);
    const again = await loadLlamaGen(folder, { heads: 4, adapters: saved });
    expect(await scores(again)).toEqual(trained);
    expect(Object.keys(again.variables)).toEqual(Object.keys(model.variables));
    const frozen = await loadLlamaGen(folder, { heads: 4, adapters: saved, frozen: true });
    expect(await scores(frozen)).toEqual(trained);
    expect(frozen.variables).toEqual({});
    tf.dispose(off);
    for (const each of [model, again, frozen]) each.dispose();
  });

  it('leaves nothing behind, whatever goes wrong', async () => {
    const folder = tinyLlamaGenFolder('class');
    await expectNoLeak(async () => {
      for (const options of [{}, { lora: { rank: 2 } }, { frozen: true }]) {
        const model = await loadLlamaGen(folder, { heads: 4, ...options });
        await scores(model);
        model.dispose();
      }
      const stop = new AbortController();
      let done = 0;
      const stopped = loadLlamaGen(folder, {
        ...{ heads: 4, signal: stop.signal },
        onProgress: () => ++done === 30 && stop.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
      expect(done).toBe(30);
      const misspelt = loadLlamaGen(folder, { heads: 4, lora: { rank: 2, targets: ['q_proj'] } });
      await expect(misspelt).rejects.toMatchObject({
        code: 'value',
        message: expect.stringMatching(/q_proj/),
      });
      await expect(loadLlamaGen(folder, { heads: 4, adapters: memoryFolder() })).rejects.toMatchObject({
        code: 'checkpoint',
      });
      const bytes = file(published());
      const broken = {
        ...memoryFolder({ 'c2i_16.safetensors': bytes }),
        async read(name: string, begin: number, end: number) {
          if (begin > bytes.length / 2) throw new Error('the disk broke');
          return memoryFolder({ [name]: bytes }).read(name, begin, end);
        },
      };
      await expect(loadLlamaGen(broken, { heads: 4, grid: 4, tokenizer: false })).rejects.toThrow(/broke/);
    });
  });
});

describe('loadLlamaGen refuses', () => {
  beforeAll(async () => {
    await tf.setBackend(DEFAULT_BACKEND);
  });

  const refuses = async (
    folder: CheckpointFolder,
    options: LoadLlamaGenOptions,
    words: RegExp,
    code = 'checkpoint',
  ) => {
    let loaded = 0;
    const loading = loadLlamaGen(folder, { heads: 4, onProgress: () => void loaded++, ...options });
    await expect(loading).rejects.toMatchObject({
      name: 'BicotError',
      code,
      message: expect.stringMatching(words),
    });
    expect(loaded).toBe(0);
  };
  const [good, pictures] = [published(), tinyTokenizerTensors()];
  const wrongShape = (tensors: Tensors, name: string, shape: readonly number[]): Tensors => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { ...tensors, [name]: { dtype: 'F32', shape, data: new Float32Array(count) } };
  };

  it('files that are not there, or a choice of them', async () => {
    const bytes = file(good);
    await refuses(
      memoryFolder(),
      {},
      /no file could be the transformer; there are no weights.*option transformer/,
    );
    await refuses(
      memoryFolder({ 'a.pt': bytes }),
      {},
      /could be the image tokenizer; there are a\.pt.*or give false/,
    );
    await refuses(
      memoryFolder({ 'a.pt': bytes, 'b.pt': bytes, 'vq.pt': bytes }),
      {},
      /more than one file could be the transformer; there are a\.pt, b\.pt, vq\.pt/,
    );
    await refuses(memoryFolder({ 'a.pt': bytes }), { transformer: 'b.pt' }, /no file b\.pt; there are a\.pt/);
    await refuses(folderOf(good), { tokenizer: 'vq_ds8.pt' }, /no file vq_ds8\.pt/);
  });

  it('files of something else', async () => {
    await refuses(
      memoryFolder({ 'a.safetensors': file(pictures), 'vq.safetensors': file(pictures) }),
      {},
      /memory\/a\.safetensors is no checkpoint of LlamaGen's transformer.*It holds quantize\.embedding\.weight/,
    );
    await refuses(
      memoryFolder({ 'a_16.safetensors': file(good), 'vq.safetensors': file(good) }),
      {},
      /memory\/vq\.safetensors is no image tokenizer of LlamaGen's.*vq_ds16_c2i\.pt/,
    );
    await refuses(
      memoryFolder({ 'a.pt': new Uint8Array(100), 'vq.safetensors': file(pictures) }),
      {},
      /memory\/a\.pt: .*zip archive/,
    );
  });

  it('tensors that are missing, left over, of another shape or format', async () => {
    await refuses(
      folderOf(without(good, 'layers.1.ffn_norm.weight')),
      {},
      /Missing: layers\.1\.ffn_norm\.weight\./,
    );
    await refuses(
      folderOf(without(good, 'layers.0.feed_forward.w1.weight')),
      {},
      /Missing: layers\.0\.feed_forward\.w1/,
    );
    await refuses(folderOf(wrongShape(good, 'stranger', [1])), {}, /Left over: stranger\./);
    await refuses(
      folderOf(wrongShape(good, 'norm.weight', [31])),
      {},
      /Different: norm\.weight is \[31\] instead of \[32\]/,
    );
    await refuses(
      folderOf({ ...good, 'norm.weight': { dtype: 'I32', shape: [32], data: new Int32Array(32) } }),
      {},
      /norm\.weight is I32 instead of F32, F16, BF16/,
    );
    await refuses(
      folderOf(wrongShape(good, 'layers.7.norm', [1])),
      {},
      /Missing: layers\.2\.attention.* Left over: layers\.7\.norm/,
    );
    await refuses(
      folderOf(wrongShape(good, 'tok_embeddings.weight', [64])),
      {},
      /tok_embeddings\.weight is \[64\]; a matrix/,
    );
    const bare = Object.fromEntries(Object.entries(good).filter(([name]) => !name.startsWith('layers.')));
    await refuses(folderOf(bare), {}, /no tensor of a layer/);
    await refuses(
      folderOf(without(good, 'cls_embedding.embedding_table.weight')),
      {},
      /has neither cls_embedding/,
    );
    // A table of rotary angles may be there.
    const model = await loadLlamaGen(folderOf(wrongShape(good, 'freqs_cis', [3])), { heads: 4 });
    model.dispose();
  });

  it('an image tokenizer that is not whole, or another one', async () => {
    const refused = (tokenizer: Tensors, words: RegExp) => refuses(folderOf(good, tokenizer), {}, words);
    await refused(
      without(pictures, 'decoder.mid.1.q.bias'),
      /vq\.safetensors: Missing: decoder\.mid\.1\.q\.bias/,
    );
    await refused(wrongShape(pictures, 'decoder.stranger', [1]), /Left over: decoder\.stranger/);
    await refused(wrongShape(pictures, 'decoder.conv_in.bias', [5]), /decoder\.conv_in\.bias is \[5\]/);
    await refused(
      without(pictures, 'post_quant_conv.weight'),
      /not the tensors of LlamaGen's image decoder.*latent/,
    );
    await refused(
      without(pictures, 'decoder.conv_out.weight'),
      /not the tensors of LlamaGen's image decoder/,
    );
    await refused(
      wrongShape(pictures, 'quantize.embedding.weight', [32, 8]),
      /knows 32 tokens, but the transformer writes 64/,
    );
  });

  it('sizes that tensors do not tell and nobody gave', async () => {
    await refuses(
      folderOf(good),
      { heads: undefined },
      /no published size has 2 layers of width 32.*option heads/,
    );
    await refuses(
      folderOf(good),
      { heads: undefined, size: 'GPT-B' },
      /it has 2 layers of width 32, but GPT-B has 12 of 768/,
    );
    await refuses(folderOf(good), { size: 'GPT-A' as 'GPT-B' }, /must be one of GPT-B/, 'value');
    await refuses(folderOf(good), { heads: 3 }, /width 32 over 3 heads/, 'value');
    await refuses(folderOf(good), { grid: 0 }, /grid is 0/, 'value');
    const unnamed = memoryFolder({ 'best.safetensors': file(good) });
    await refuses(
      unnamed,
      { tokenizer: false },
      /neither does its name.*256 pixels at 16 a token.*option grid/,
    );
    const odd = memoryFolder({ 'c2i_18.safetensors': file(good), 'vq.safetensors': file(pictures) });
    await refuses(odd, {}, /at 4 a token/);
  });

  it('options that are misspelt or would do nothing', async () => {
    await refuses(folderOf(good), { head: 4 } as LoadLlamaGenOptions, /no option 'head'/, 'value');
    await refuses(folderOf(good), { lora: { rank: 2 }, frozen: true }, /frozen trains nothing/, 'value');
    await refuses(folderOf(good), { lora: { rank: 2 }, adapters: 'a' }, /give one of the two/, 'value');
    await expect(loadLlamaGen('/no/such/folder')).rejects.toMatchObject({ code: 'checkpoint' });
  });
});
