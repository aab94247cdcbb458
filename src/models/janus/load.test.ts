import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { byBicot, janusWithAdapters, LAYOUTS } from '../../../test/reference/janus-by-bicot.js';
import { compareWithGolden, type JanusGolden } from '../../../test/reference/janus-golden.js';
import { describeOnBackends } from '../../../test/support/backends.js';
import { isBicotError } from '../../errors.js';
import { currentKernels } from '../../kernels/choice.js';
import { tokenBatch } from '../../policy/tokens.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';
import { memoryFolder } from '../checkpoints/memory-folder.js';
import { openFolder } from '../checkpoints/node-folder.js';
import { estimateMemory, formatMemory } from '../estimate/memory.js';
import type { LoraAdapters } from '../lora/adapters.js';
import { encodePeft, saveAdapters } from '../lora/peft-files.js';
import { adapterReference } from '../lora/reference.js';
import { decodeSafetensors, encodeSafetensors } from '../safetensors.js';
import { parseJanusConfig } from './config.js';
import { assertWeightsFit } from './fit.js';
import { type LoadJanusOptions, loadJanus } from './load.js';
import { janusSizes } from './sizes.js';

const at = (path: string) => fileURLToPath(new URL(`../../../test/fixtures/janus/${path}`, import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));
const golden: JanusGolden = json('golden-bf16.json');

const failed = (checks: { difference: number; tolerance: number }[]) =>
  checks.filter(({ difference, tolerance }) => !(difference <= tolerance));

describeOnBackends('loadJanus', () => {
  it.each(['original', 'hf', 'bin'])(
    'gives what transformers gives with the same weights: %s',
    async (folder) => {
      const model = await loadJanus(at(folder), { frozen: true });
      expect(model.layout).toBe(folder === 'hf' ? 'huggingface' : 'original');
      const checks = await compareWithGolden(model, golden);
      expect(checks).toHaveLength(7);
      expect(failed(checks)).toEqual([]);
      model.dispose();
    },
  );

  it.each(['original', 'hf', 'hf-vision', 'original-patterns'])(
    'computes with adapters that PEFT trained, and without: %s',
    async (name) => {
      const expected = json('peft/logprobs.json');
      // Both layouts of the model read both kinds of names.
      for (const folder of ['original', 'hf']) {
        const model = await loadJanus(at(folder), { adapters: at(`peft/${name}`) });
        const { adapters } = model;
        if (!adapters) throw new Error('no adapters');
        const on = { ...golden, ...expected[name] };
        expect(failed(await compareWithGolden(model, on, false))).toEqual([]);
        adapters.power.on = false;
        const off = { ...golden, ...expected.off };
        expect(failed(await compareWithGolden(model, off, false))).toEqual([]);
        model.dispose();
      }
    },
  );

  it('trains what it is told to', async () => {
    const whole = await loadJanus(at('bin'));
    expect(Object.keys(whole.variables)).toHaveLength(21);
    whole.dispose();
    const frozen = await loadJanus(at('bin'), { frozen: true });
    expect(frozen.variables).toEqual({});
    frozen.dispose();
    const adapted = await loadJanus(at('bin'), { lora: { rank: 4, targets: ['q_proj', 'v_proj'] } });
    expect(Object.keys(adapted.variables).sort()).toEqual(
      [0, 1].flatMap((layer) =>
        ['q_proj', 'v_proj'].flatMap((matrix) =>
          ['A', 'B'].map((part) => `language_model.model.layers.${layer}.self_attn.${matrix}.lora_${part}`),
        ),
      ),
    );
    adapted.dispose();
  });

  it('reads one tensor after the other, tells of each, and leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const seen: string[] = [];
    let last = 0;
    const model = await loadJanus(at('hf'), {
      onProgress({ tensor, done, total, bytes, totalBytes }) {
        seen.push(tensor);
        expect(done).toBe(seen.length);
        expect(total).toBe(173);
        expect(bytes).toBeGreaterThan(last);
        expect(totalBytes).toBe(2 * 867_427);
        last = bytes;
      },
    });
    expect(last).toBe(2 * 867_427);
    expect(new Set(seen).size).toBe(173);
    expect(model.notes.join()).toMatch(/were not read/);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

/** A folder of files in memory, some of them changed. */
async function changed(
  folder: string,
  changes: Record<string, (bytes: Uint8Array) => Uint8Array | undefined>,
) {
  const from = openFolder(at(folder));
  const files: Record<string, Uint8Array> = {};
  for (const name of await from.list()) {
    const bytes = await from.read(name, 0, await from.size(name));
    const other = changes[name] ? changes[name](bytes) : bytes;
    if (other) files[name] = other;
  }
  return memoryFolder(files);
}

const text = (change: (value: never) => unknown) => (bytes: Uint8Array) =>
  new TextEncoder().encode(JSON.stringify(change(JSON.parse(new TextDecoder().decode(bytes)) as never)));
const tensors = (change: (all: Record<string, unknown>) => void) => (bytes: Uint8Array) => {
  const all = { ...decodeSafetensors(bytes).tensors };
  change(all);
  return encodeSafetensors(all);
};

async function refusal(folder: CheckpointFolder | string, options = {}): Promise<Error> {
  const before = tf.memory().numTensors;
  const error = await loadJanus(folder, options).then(
    () => new Error('it was loaded'),
    (thrown: Error) => thrown,
  );
  expect(tf.memory().numTensors).toBe(before);
  expect(isBicotError(error), error.stack).toBe(true);
  return error;
}

describe('loadJanus refuses', () => {
  const name = 'language_model.model.layers.1.mlp.up_proj.weight';
  const cases: [string, Record<string, (bytes: Uint8Array) => Uint8Array | undefined>, RegExp][] = [
    [
      'a shard that ends early',
      { 'model.safetensors': (bytes) => bytes.slice(0, -7) },
      /truncated|ends|bytes/,
    ],
    [
      'a missing tensor',
      { 'model.safetensors': tensors((all) => void delete all[name]) },
      /Missing: .*up_proj/,
    ],
    [
      'a tensor of another shape',
      { 'model.safetensors': tensors((all) => void Object.assign(all[name] as object, { shape: [32, 64] })) },
      /Different: .*up_proj\.weight is \[32, 64\] instead of \[64, 32\]/,
    ],
    [
      'a tensor that is not numbers with a point',
      {
        'model.safetensors': tensors((all) => {
          all[name] = { dtype: 'I32', shape: [64, 32], data: new Int32Array(64 * 32) };
        }),
      },
      /up_proj\.weight is I32 instead of F32, F16, BF16/,
    ],
    [
      'a tensor that nobody knows',
      {
        'model.safetensors': tensors((all) => {
          all['language_model.secret'] = { dtype: 'F32', shape: [1], data: new Float32Array(1) };
        }),
      },
      /Left over: language_model\.secret/,
    ],
    [
      'the weights of another model',
      {
        'model.safetensors': () =>
          encodeSafetensors({ 'transformer.wte': { dtype: 'F32', shape: [1], data: new Float32Array(1) } }),
      },
      /no tensor is named as in Janus .*transformer\.wte/,
    ],
    [
      'a config of absurd sizes',
      {
        'config.json': text((config: { language_config: object }) => ({
          ...config,
          language_config: { ...config.language_config, hidden_size: 2 ** 40 },
        })),
      },
      /hidden_size is 1099511627776/,
    ],
    [
      'a config of other sizes',
      {
        'config.json': text((config: { language_config: object }) => ({
          ...config,
          language_config: { ...config.language_config, num_hidden_layers: 3 },
        })),
      },
      /Missing: language_model\.model\.layers\.2\./,
    ],
    [
      'a config that is no JSON',
      { 'config.json': () => new Uint8Array([123, 44]) },
      /config\.json can't be read/,
    ],
    ['no tokenizer', { 'tokenizer.json': () => undefined }, /tokenizer\.json can't be read/],
    [
      'the tokenizer of another model',
      {
        'tokenizer.json': (bytes) =>
          new TextEncoder().encode(new TextDecoder().decode(bytes).replaceAll('<begin_of_image>', '<boi>')),
      },
      /has no token <begin_of_image>, so it is not a tokenizer of Janus/,
    ],
    [
      'a tokenizer that is larger than the model',
      {
        'tokenizer.json': (bytes) =>
          new TextEncoder().encode(
            new TextDecoder().decode(bytes).replace('"id": 291', '"id": 400').replace('"id":291', '"id":400'),
          ),
      },
      /ids up to 400, but the model's vocabulary ends at 319/,
    ],
    ['a folder without weights', { 'model.safetensors': () => undefined }, /safetensors/],
  ];
  it.each(cases)('%s', async (_, changes, message) => {
    const error = await refusal(await changed('original', changes));
    expect(error.message).toMatch(message);
  });

  it('a folder that is not there', async () => {
    expect((await refusal('/nowhere/at/all')).message).toMatch(/nowhere/);
  });

  it('to go on after an abort', async () => {
    const controller = new AbortController();
    const onProgress = ({ done }: { done: number }) => done === 50 && controller.abort();
    const error = await refusal(at('original'), { onProgress, signal: controller.signal });
    expect(isBicotError(error, 'aborted')).toBe(true);
  });

  it('a training that does not fit, with its table and before a weight is read', async () => {
    let table = '';
    const print = (text: string) => {
      table = text;
    };
    const onProgress = () => {
      throw new Error('something was read');
    };
    const memory = { limitBytes: 1e6, print };
    const error = await refusal(at('bin'), { memory, onProgress });
    expect(isBicotError(error, 'value')).toBe(true);
    expect(error.message).toMatch(/takes about \d+\.\d MB, but the device has 1\.0 MB/);
    expect(table).toMatch(/weights: language model +0\.2 MB/);
    const roomy = await loadJanus(at('bin'), { memory: { limitBytes: 1e9 } });
    roomy.dispose();
  });

  it('by the rank of the adapters that are loaded, the largest that a pattern gives', async () => {
    const tableOf = async (options: LoadJanusOptions) => {
      let table = '';
      const print = (text: string) => {
        table = text;
      };
      const model = await loadJanus(at('bin'), { ...options, memory: { limitBytes: 1e9, print } });
      const sizes = janusSizes(model.config);
      model.dispose();
      const fused = currentKernels().available && currentKernels().kernels === 'fused';
      return { table, of: (rank: number) => formatMemory(estimateMemory(sizes, { fused, rank })) };
    };
    for (const [name, rank] of [
      ['original', json('peft/original/adapter_config.json').r],
      // 4, but 6 for one module and 2 for others.
      ['original-patterns', 6],
    ] as const) {
      const { table, of } = await tableOf({ adapters: at(`peft/${name}`) });
      expect(table, name).toBe(of(rank));
      expect(table).not.toBe(of(8));
    }
    const { table, of } = await tableOf({ lora: { rank: 2, rankPattern: { up_proj: 5 } } });
    expect(table).toBe(of(5));
  });

  it('by the kernels that the backend has, and not by those that were chosen', async () => {
    const tables: string[] = [];
    const fits = (backend: string) =>
      tf.setBackend(backend).then(async () => {
        const memory = { limitBytes: 1e9, print: (table: string) => void tables.push(table) };
        const model = await loadJanus(at('bin'), { memory });
        const expected = [true, false].map((fused) =>
          formatMemory(estimateMemory(janusSizes(model.config), { fused, rank: 0 })),
        );
        model.dispose();
        return expected;
      });
    const [, stock] = await fits('cpu');
    expect(tables[0]).toBe(stock);
    const [fused] = await fits('wasm');
    expect(tables[1]).toBe(currentKernels().kernels === 'fused' ? fused : stock);
    expect(fused).not.toBe(stock);
  });

  it('weights that wasm has no room for', async () => {
    const large = { vocab_size: 102_400, num_hidden_layers: 30 };
    const folder = await changed('original', {
      'config.json': text((config: object) => ({ ...config, language_config: large })),
    });
    // It fits no checkpoint at hand either; the check of names comes first, so ask for this one alone.
    const config = parseJanusConfig({ language_config: large });
    await tf.setBackend('wasm');
    expect(() => assertWeightsFit(config)).toThrow(
      /28\.\d\d GB, but the memory of the wasm backend ends at 4\.29 GB/,
    );
    expect((await refusal(folder)).message).toMatch(/Different|Missing/);
  });

  it('new and saved adapters at once, and adapters of other modules', async () => {
    const both = { lora: { rank: 2 }, adapters: at('peft/hf') };
    expect((await refusal(at('bin'), both)).message).toMatch(/one of the two/);
    expect((await refusal(at('bin'), { lora: { rank: 2, targets: ['c_attn'] } })).message).toMatch(/c_attn/);
    expect((await refusal(at('bin'), { adapters: at('hf') })).message).toMatch(/adapter_config\.json/);
  });

  it('options that would do nothing', async () => {
    const misspelt = { maxTensorByte: 100 };
    expect((await refusal(at('bin'), misspelt)).message).toMatch(
      /no option 'maxTensorByte'; .*'maxTensorBytes'/,
    );
    const idle = { lora: { rank: 2 }, frozen: true };
    expect((await refusal(at('bin'), idle)).message).toMatch(
      /lora makes new adapters, and frozen trains nothing; give one of the two/,
    );
  });
});

describe('adapters of Janus', () => {
  it.each(LAYOUTS)('load in PEFT, and give the same log-probs there: %s', async (layout) => {
    const made = await janusWithAdapters(layout);
    // The committed files, which PEFT read to compute what logprobs.json says, are the bytes that bicot writes.
    const files = await encodePeft(made.adapters as LoraAdapters);
    for (const [file, bytes] of Object.entries(files)) {
      expect(Buffer.from(bytes).equals(readFileSync(byBicot(`${layout}/${file}`))), file).toBe(true);
    }
    const expected = { ...golden, ...JSON.parse(readFileSync(byBicot('logprobs.json'), 'utf8'))[layout] };
    const checks = await compareWithGolden(made, expected, false);
    expect(checks).toHaveLength(2);
    expect(failed(checks)).toEqual([]);
    made.dispose();
  });

  it('come back from their folder, and are the reference when they are off', async () => {
    const model = await loadJanus(at('bin'), { adapters: at('peft/original') });
    const { adapters } = model;
    if (!adapters) throw new Error('no adapters');
    const folder = memoryFolder({});
    await saveAdapters(folder, adapters);
    const again = await loadJanus(at('bin'), { adapters: folder });
    for (const [name, variable] of Object.entries(again.variables)) {
      expect(await variable.data()).toEqual(await (model.variables[name] as tf.Variable).data());
    }
    again.dispose();
    const { off } = json('peft/logprobs.json') as { off: JanusGolden };
    const reference = adapterReference(model, adapters);
    const contexts = golden.image.context.map((ids) => ({ ids: Int32Array.from(ids) }));
    const completion = tokenBatch(golden.image.image_ids);
    const scored = reference.logProbs({ contexts, completion, space: 'image' });
    expect(await scored.data()).toBeAllclose(off.image.logprobs.flat(), 1e-5);
    scored.dispose();
    model.dispose();
  });
});
