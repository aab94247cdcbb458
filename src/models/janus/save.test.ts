import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { byBicot, janusWithAdapters } from '../../../test/reference/janus-by-bicot.js';
import { compareWithGolden, type JanusGolden } from '../../../test/reference/janus-golden.js';
import { expectScaled } from '../../../test/support/scaled.js';
import { memoryFolder } from '../checkpoints/memory-folder.js';
import { openTensors } from '../checkpoints/open-tensors.js';
import { loadJanus } from './load.js';
import { saveJanus } from './save.js';

const at = (path: string) => fileURLToPath(new URL(`../../../test/fixtures/janus/${path}`, import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));
const golden: JanusGolden = json('golden-bf16.json');

describe('saveJanus', () => {
  it('writes what was loaded, byte for byte', async () => {
    const model = await loadJanus(at('hf'), { frozen: true });
    const folder = memoryFolder({});
    await saveJanus(model, folder, { maxShardBytes: 1e6 });
    const files = await folder.list();
    expect(files.filter((file) => /-of-0000\d\.safetensors$/.test(file)).length).toBeGreaterThan(1);
    expect(files).toEqual(
      expect.arrayContaining(['config.json', 'tokenizer.json', 'generation_config.json']),
    );
    const saved = await openTensors(folder);
    expect([...saved.tensors.keys()].sort()).toEqual([...model.source.tensors.keys()].sort());
    for (const [name, { dtype, shape }] of model.source.tensors) {
      expect(saved.tensors.get(name)).toMatchObject({ dtype, shape });
      const [now, before] = await Promise.all([saved.readBytes(name), model.source.readBytes(name)]);
      expect(Buffer.compare(now, before), name).toBe(0);
    }
    model.dispose();
  });

  it.each(['original', 'hf'])('merges adapters, so that PEFT is not needed any more: %s', async (layout) => {
    const adapted = await loadJanus(at(layout), { adapters: at('peft/original') });
    const folder = memoryFolder({});
    const seen: string[] = [];
    await saveJanus(adapted, folder, { dtype: 'F32', onProgress: ({ tensor }) => void seen.push(tensor) });
    expect(seen.sort()).toEqual([...adapted.source.tensors.keys()].sort());
    adapted.dispose();
    const merged = await loadJanus(folder, { frozen: true });
    const checks = await compareWithGolden(
      merged,
      { ...golden, ...json('peft/logprobs.json').original },
      false,
    );
    expect(checks).toHaveLength(2);
    for (const { name, difference, tolerance } of checks) expect(difference, name).toBeLessThan(tolerance);
    // What bicot did not read is still there.
    const encoder = [...merged.source.tensors.keys()].find((name) => /encoder\.conv_in\.weight$/.test(name));
    expect(encoder).toBeDefined();
    merged.dispose();
  });

  it('writes a merged checkpoint from which transformers computes the same', async () => {
    const adapted = await janusWithAdapters('hf');
    const folder = memoryFolder({});
    await saveJanus(adapted, folder, { dtype: 'F32' });
    adapted.dispose();
    const merged = await loadJanus(folder, { frozen: true });
    const expected = { ...golden, ...JSON.parse(readFileSync(byBicot('logprobs.json'), 'utf8')).merged };
    const checks = await compareWithGolden(merged, expected, false);
    expect(checks).toHaveLength(2);
    for (const { name, difference, tolerance } of checks) expect(difference, name).toBeLessThan(tolerance);
    merged.dispose();
  });

  it('writes what was trained, in pieces or whole, in the format that it had', async () => {
    const model = await loadJanus(at('bin'), { maxTensorBytes: 100 * 32 * 4 });
    for (const variable of Object.values(model.variables)) {
      tf.tidy(() => variable.assign(tf.mul(variable, 2)));
    }
    const folder = memoryFolder({});
    await saveJanus(model, folder);
    const saved = await openTensors(folder);
    for (const [name, { dtype }] of model.source.tensors) {
      const factor = name.startsWith('language_model.') ? 2 : 1;
      const before = await model.source.readFloats(name);
      expect(saved.tensors.get(name)?.dtype).toBe(dtype);
      // Twice a number of bfloat16 is one of bfloat16.
      expectScaled(await saved.readFloats(name), before, factor, name);
    }
    model.dispose();
  });

  it("tells Hugging Face's loader that the head is not the embedding", async () => {
    const model = await loadJanus(at('hf'), { frozen: true });
    const folder = memoryFolder({});
    await saveJanus(model, folder);
    const config = JSON.parse(
      new TextDecoder().decode(await folder.read('config.json', 0, await folder.size('config.json'))),
    );
    expect(config).toEqual({ ...json('hf/config.json'), tie_word_embeddings: false });
    model.dispose();
  });
});
