import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { frozenMatrix } from '../../../test/support/adapted-policy.js';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { filesFolder } from '../../../test/support/files.js';
import { isBicotError } from '../../errors.js';
import { decodeSafetensors, encodeSafetensors, type HostTensor } from '../safetensors.js';
import { createAdapters, type MatricesByPath } from './adapters.js';
import type { LoraOptions } from './options.js';
import { encodePeft, loadAdapters, saveAdapters } from './peft-files.js';

const CONFIG = 'adapter_config.json';
const TENSORS = 'adapter_model.safetensors';

const matrices = (): MatricesByPath =>
  new Map([
    ['layers.0.q_proj', frozenMatrix('a', 5, 3)],
    ['layers.0.up_proj', frozenMatrix('b', 3, 5)],
    ['layers.1.q_proj', frozenMatrix('c', 5, 3)],
    ['layers.1.up_proj', frozenMatrix('d', 3, 5)],
  ]);

/** Adapters of these options with something in every B, saved. */
async function saved(options: LoraOptions): Promise<Record<string, Uint8Array>> {
  const adapters = createAdapters(matrices(), options);
  for (const [path, { adapter }] of adapters.adapted) {
    const value = frozenMatrix(path, ...adapter.up.shape);
    adapter.up.assign(value);
    value.dispose();
  }
  const files: Record<string, Uint8Array> = {};
  await saveAdapters(filesFolder(files), adapters);
  adapters.dispose();
  return files;
}

const json = (bytes: Uint8Array | undefined) =>
  JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describeOnBackends('saveAdapters and loadAdapters', () => {
  it.each<LoraOptions>([
    { rank: 2 },
    { rank: 2, alpha: 3.5, targets: ['q_proj'], rslora: true },
    {
      rank: 2,
      targets: /layers\.1\..*/,
      rankPattern: { up_proj: 4 },
      alphaPattern: { 'layers.1.q_proj': 9 },
    },
  ])('give back the same bits and scales: %o', async (options) => {
    const files = await saved(options);
    const all = matrices();
    await expectNoLeak(async () => {
      const first = createAdapters(all, options);
      const again = await loadAdapters(filesFolder(files), all);
      expect([...again.adapted.keys()]).toEqual([...first.adapted.keys()]);
      expect(Object.keys(again.variables)).toEqual(Object.keys(first.variables));
      for (const [path, { weight, adapter }] of again.adapted) {
        expect(weight).toBe(all.get(path));
        expect(adapter.scale).toBe(first.adapted.get(path)?.adapter.scale);
        expect(adapter.power).toBe(again.power);
        expect(await adapter.down.data()).toEqual(await first.adapted.get(path)?.adapter.down.data());
        const up = frozenMatrix(path, ...adapter.up.shape);
        expect(await adapter.up.data()).toEqual(await up.data());
        up.dispose();
      }
      expect(await encodePeft(again)).toEqual(files);
      first.dispose();
      again.dispose();
    });
  });
});

describe('encodePeft', () => {
  it("writes PyTorch's orientation under PEFT's names, and modules by their whole paths", async () => {
    const all = matrices();
    const adapters = createAdapters(all, { rank: 2, alpha: 5, targets: ['0.q_proj'] });
    const files = await encodePeft(adapters, { baseModel: 'deepseek-ai/Janus-Pro-1B' });
    const { tensors, metadata } = decodeSafetensors(files[TENSORS]);
    expect(metadata).toEqual({ format: 'pt' });
    expect(Object.entries(tensors).map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ['base_model.model.layers.0.q_proj.lora_A.weight', 'F32', [2, 5]],
      ['base_model.model.layers.0.q_proj.lora_B.weight', 'F32', [3, 2]],
    ]);
    const rows = (await adapters.adapted.get('layers.0.q_proj')?.adapter.down.array()) as number[][];
    const a = tensors['base_model.model.layers.0.q_proj.lora_A.weight'] as HostTensor;
    expect([...a.data]).toEqual([0, 1].flatMap((column) => rows.map((row) => row[column])));
    expect(json(files[CONFIG])).toMatchObject({
      ...{ peft_type: 'LORA', r: 2, lora_alpha: 5, use_rslora: false, bias: 'none' },
      ...{ target_modules: ['layers.0.q_proj'], base_model_name_or_path: 'deepseek-ai/Janus-Pro-1B' },
    });
    adapters.dispose();
  });
});

describe('loadAdapters', () => {
  let files: Record<string, Uint8Array>;
  beforeAll(async () => {
    files = await saved({ rank: 2, targets: ['q_proj'] });
  });

  /** Loads files with some changed; what is undefined is not there. */
  async function load(changes: Readonly<Record<string, Uint8Array | undefined>>): Promise<unknown> {
    const all = { ...files, ...changes };
    const kept = Object.fromEntries(Object.entries(all).filter(([, bytes]) => bytes)) as typeof files;
    const own = matrices();
    const before = tf.memory().numTensors;
    try {
      return await loadAdapters(filesFolder(kept, 'runs/7'), own);
    } catch (error) {
      expect(tf.memory().numTensors, 'tensors left behind').toBe(before);
      return error;
    }
  }
  const withConfig = (changes: object) => load({ [CONFIG]: bytesOf({ ...json(files[CONFIG]), ...changes }) });
  const withTensors = (change: (tensors: Record<string, HostTensor>) => void) => {
    const tensors = { ...decodeSafetensors(files[TENSORS] as Uint8Array).tensors };
    change(tensors);
    return load({ [TENSORS]: encodeSafetensors(tensors) });
  };
  const expectRefused = (error: unknown, message: RegExp) => {
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toMatch(message);
    expect(isBicotError(error, 'checkpoint')).toBe(true);
  };

  it.each<[object, RegExp]>([
    [{ peft_type: 'IA3' }, /^runs\/7\/adapter_config.json can't be used: peft_type is "IA3"/],
    [{ peft_type: undefined }, /peft_type is undefined/],
    [{ use_dora: true }, /use_dora is true \(DoRA/],
    [{ lora_bias: true }, /lora_bias/],
    [{ bias: 'lora_only' }, /bias is "lora_only"/],
    [{ modules_to_save: ['gen_head'] }, /modules_to_save is \["gen_head"\].*merge_and_unload/],
    [{ fan_in_fan_out: true }, /fan_in_fan_out/],
    [{ trainable_token_indices: [3] }, /trainable_token_indices/],
    [{ target_parameters: ['w'] }, /target_parameters/],
    [{ alora_invocation_tokens: [1] }, /alora_invocation_tokens/],
    [{ layer_replication: [[0, 1]] }, /layer_replication/],
    [{ kasa_config: { a: 1 } }, /kasa_config/],
    [{ init_lora_weights: 'pissa_niter_4' }, /init_lora_weights is "pissa_niter_4".*path_initial_model/],
    [{ target_modules: null }, /target_modules says no names/],
    [{ target_modules: [1] }, /target_modules is \[1\]/],
    [{ target_modules: '(?i)q_proj' }, /'\(\?i\)q_proj' can't be read as a regular expression/],
    [{ exclude_modules: '(' }, /can't be read as a regular expression/],
    [{ layers_to_transform: ['a'] }, /layers_to_transform is \["a"\]/],
    [{ r: 0 }, /rank is 0/],
    [{ lora_alpha: -1 }, /alpha is -1/],
    [{ rank_pattern: { q_proj: 'x' } }, /rankPattern\['q_proj'\] is x/],
  ])('refuses a configuration with %o', async (changes, message) => {
    expectRefused(await withConfig(changes), message);
  });

  it('takes what does not matter: dropout, ways to start, what is empty or false', async () => {
    const loaded = await withConfig({
      ...{ lora_dropout: 0.1, init_lora_weights: 'gaussian', modules_to_save: [], layers_to_transform: [] },
      ...{
        use_dora: false,
        loftq_config: {},
        eva_config: null,
        qalora_group_size: 16,
        task_type: 'CAUSAL_LM',
      },
    });
    expect(loaded).not.toBeInstanceOf(Error);
    (loaded as { dispose(): void }).dispose();
  });

  it('refuses tensors that do not fit, naming them and the modules there are', async () => {
    const A = 'base_model.model.layers.0.q_proj.lora_A.weight';
    expectRefused(
      await withTensors((tensors) => delete tensors[A]),
      /Missing: base_model\.model\.layers\.0\.q_proj\.lora_A\.weight\. The model's 4 modules are called q_proj, up_proj/,
    );
    expectRefused(
      await withTensors((tensors) => {
        tensors['base_model.model.vision.q_proj.lora_A.weight'] = tensors[A] as HostTensor;
      }),
      /Left over: base_model\.model\.vision\.q_proj\.lora_A\.weight\./,
    );
    expectRefused(
      await withTensors((tensors) => {
        tensors[A] = { ...(tensors[A] as HostTensor), shape: [5, 2] };
      }),
      /Of another shape: .*lora_A\.weight \[5, 2\] instead of \[2, 5\]/,
    );
    expectRefused(
      await withTensors((tensors) => {
        tensors[A] = { dtype: 'I32', shape: [2, 5], data: new Int32Array(10) };
      }),
      /holds I32 instead of floats/,
    );
    expectRefused(await withConfig({ r: 3 }), /\[2, 5\] instead of \[3, 5\]/);
    expectRefused(await withConfig({ target_modules: ['up_proj'] }), /Missing: .*Left over: /);
    // All four modules, of which the file lacks two.
    expectRefused(
      await withConfig({ target_modules: 'all-linear' }),
      /Missing: .*layers\.0\.up_proj\.lora_A/,
    );
    expectRefused(await withConfig({ layers_to_transform: 1 }), /Left over: .*layers\.0\.q_proj\.lora_A/);
  });

  it('refuses adapters of a model with other names, also if there are none', async () => {
    const none = {
      [CONFIG]: bytesOf({ ...json(files[CONFIG]), target_modules: ['other'] }),
      [TENSORS]: encodeSafetensors({}),
    };
    expectRefused(await load(none), /does not fit this model/);
  });

  it('refuses folders without the files, and files that are no JSON or cut off', async () => {
    expectRefused(
      await load({ [TENSORS]: undefined, 'adapter_model.bin': new Uint8Array(1) }),
      /runs\/7 has no adapter_model.safetensors; it has adapter_config.json, adapter_model.bin/,
    );
    expectRefused(
      await load({ [CONFIG]: undefined, [TENSORS]: undefined }),
      /no adapter_config.json; it is empty/,
    );
    expectRefused(await load({ [CONFIG]: new TextEncoder().encode('{') }), /is not JSON/);
    expectRefused(await load({ [CONFIG]: bytesOf([]) }), /holds no object/);
    const cut = await load({ [TENSORS]: (files[TENSORS] as Uint8Array).subarray(0, 100) });
    expect(isBicotError(cut, 'safetensors')).toBe(true);
  });
});
