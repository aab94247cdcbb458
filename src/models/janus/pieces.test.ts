import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { compareWithGolden, type JanusGolden } from '../../../test/reference/janus-golden.js';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { deterministicWeights } from '../../../test/support/tiny-janus.js';
import { DRAWINGS, IMAGES, PLANS, PROMPTS } from '../../../test/support/tiny-janus-samples.js';
import { isBicotError } from '../../errors.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import type { Policy } from '../../policy/policy.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { variableGradients } from '../../tensor/gradients.js';
import { uniformStream } from '../../tensor/noise.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';
import { memoryFolder } from '../checkpoints/memory-folder.js';
import { openFolder } from '../checkpoints/node-folder.js';
import { openTensors } from '../checkpoints/open-tensors.js';
import type { TensorSource } from '../checkpoints/source.js';
import type { LoraAdapters } from '../lora/adapters.js';
import { adapterReference } from '../lora/reference.js';
import { decodeSafetensors, encodeSafetensors } from '../safetensors.js';
import { type JanusModel, type LoadJanusOptions, loadJanus } from './load.js';
import { saveJanus } from './save.js';
import type { JanusContext } from './sequences.js';

/** What the backend is said to allow for one tensor; what it does allow if it is 0. */
const allowed = vi.hoisted(() => ({ bytes: 0 }));
vi.mock(import('../../backends/traits.js'), async (original) => {
  const { backendTraits } = await original();
  return {
    backendTraits: () => ({ ...backendTraits(), ...(allowed.bytes > 0 && { tensorBytes: allowed.bytes }) }),
  };
});
beforeEach(() => {
  allowed.bytes = 0;
});

const at = (path: string) => fileURLToPath(new URL(`../../../test/fixtures/janus/${path}`, import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));
const golden: JanusGolden = json('golden-bf16.json');
const adapted = at('peft/original');

/** Of the tiny model's tables, [320, 32]. */
const ROW_BYTES = 4 * 32;
/**
 * A normaliser of about 6 is put together from those of the pieces, each rounded by up to 2.4e-7, and is part of every
 * gradient.
 */
const GRADIENTS = 3e-6;

/** How many rows a piece may have, and how many pieces that makes. */
const CUTS = [
  { rows: 11, pieces: 30 }, // the last of one row
  { rows: 48, pieces: 7 }, // six of 48 and one of 32
  { rows: 319, pieces: 2 },
];
const TABLES = ['language_model.model.embed_tokens.weight', 'language_model.lm_head.weight'];

const load = (rows: number, options: LoadJanusOptions = {}) =>
  loadJanus(at('bin'), { maxTensorBytes: rows * ROW_BYTES, ...options });

async function numbers(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return Float32Array.from(values);
}

const BATCHES = {
  text: { contexts: PROMPTS, completion: PLANS, space: 'text' },
  image: { contexts: DRAWINGS, completion: IMAGES, space: 'image' },
} as const;
const SPACES = ['text', 'image'] as const;

/** Log-probs and their gradients by variable. */
async function scored(policy: Policy<JanusContext>, space: 'text' | 'image') {
  const logProbs = await numbers(completionLogProbs(policy, BATCHES[space]));
  const made = variableGradients(
    () => tf.sum(completionLogProbs(policy, BATCHES[space])) as tf.Scalar,
    Object.values(policy.variables),
  );
  made?.value.dispose();
  const gradients: Record<string, Float32Array> = {};
  for (const [name, { name: registered }] of Object.entries(policy.variables)) {
    const gradient = made?.grads[registered];
    if (gradient) gradients[name] = await numbers(gradient);
  }
  return { logProbs, gradients };
}

/** The logits of each step of a session that is fed the batch's tokens, and what sampling draws. */
async function decoded(policy: JanusModel, space: 'text' | 'image') {
  const { contexts, completion } = BATCHES[space];
  const session = policy.startDecoding?.(contexts, space, { samplesPerContext: 1, maxTokens: 4 });
  const logits: Float32Array[] = [];
  for (let t = 0; t < 3; t++) {
    const fed = t === 0 ? undefined : Int32Array.of(...[0, 1].map((row) => token(row, t - 1)));
    logits.push(await numbers(session?.next(fed) as tf.Tensor));
  }
  session?.dispose();
  function token(row: number, t: number): number {
    return completion.ids[row * completion.width + t] as number;
  }
  const drawn = await sampleCompletions(policy, {
    ...{ contexts, samplesPerContext: 2, space },
    sampling: { maxTokens: 8, ...(space === 'image' && { guidance: { scale: 5 } }) },
    streams: (row) => uniformStream('pieces', row),
  });
  return { logits, ids: [...drawn.completion.ids], logProbs: drawn.behaviourLogProbs };
}

describeOnBackends('Janus with its tables in pieces', () => {
  it.each(CUTS)('gives what transformers gives: pieces of $rows rows', async ({ rows, pieces }) => {
    const frozen = await load(rows, { frozen: true });
    for (const name of TABLES) {
      const parts = frozen.tensors.get(name) ?? [];
      expect(parts).toHaveLength(pieces);
      for (const part of parts) expect(4 * part.size).toBeLessThanOrEqual(rows * ROW_BYTES);
    }
    const model = await load(rows, { adapters: adapted });
    const expected = { ...golden, ...json('peft/logprobs.json').original };
    const checks = [
      ...(await compareWithGolden(frozen, golden)),
      ...(await compareWithGolden(model, expected, false)),
    ];
    expect(checks).toHaveLength(9);
    expect(checks.filter(({ difference, tolerance }) => !(difference <= tolerance))).toEqual([]);
    frozen.dispose();
    model.dispose();
  });

  it.each(CUTS)('scores and trains adapters as in one piece: $rows rows', async ({ rows }) => {
    const whole = await load(320, { adapters: adapted });
    const cut = await load(rows, { adapters: adapted });
    for (const space of SPACES) {
      const expected = await scored(whole, space);
      const found = await scored(cut, space);
      expect(Object.keys(found.gradients)).toEqual(Object.keys(cut.variables));
      // Images meet the table only, of which rows are copied. The sums of the head are over its pieces.
      if (space === 'image') expect(found).toEqual(expected);
      expect(found.logProbs).toBeAllclose(expected.logProbs, 1e-6);
      for (const [name, gradient] of Object.entries(found.gradients)) {
        expect(gradient, name).toBeAllclose(expected.gradients[name] as Float32Array, GRADIENTS);
      }
      const [a, b] = [whole, cut].map((model) =>
        adapterReference(model, model.adapters as LoraAdapters).logProbs(BATCHES[space]),
      );
      expect(await numbers(a as tf.Tensor)).toBeAllclose(await numbers(b as tf.Tensor), 1e-6);
    }
    whole.dispose();
    cut.dispose();
  });

  it.each(CUTS)('decodes and draws as in one piece: $rows rows', async ({ rows }) => {
    const whole = await load(320, { adapters: adapted });
    const cut = await load(rows, { adapters: adapted });
    for (const space of SPACES) {
      const expected = await decoded(whole, space);
      const found = await decoded(cut, space);
      expect(found.ids).toEqual(expected.ids);
      expect(found.logits).toHaveLength(3);
      found.logits.forEach((logits, t) => {
        expect(logits).toBeAllclose(expected.logits[t] as Float32Array, 1e-6);
      });
      expect(found.logProbs).toBeAllclose(expected.logProbs, 1e-6);
      // Where a logit is one sum in an order of its own, it is the same bits whatever its piece.
      if (['cpu', 'wasm'].includes(tf.getBackend())) expect(found).toEqual(expected);
    }
    whole.dispose();
    cut.dispose();
  });

  it('trains the tables themselves: gradients of pieces are pieces of the gradient', async () => {
    const whole = await load(320);
    const cut = await load(48);
    const expected = await scored(whole, 'text');
    const { gradients } = await scored(cut, 'text');
    for (const name of TABLES) {
      const parts = (whole.tensors.get(name) as tf.Tensor2D[])[0] as tf.Tensor2D;
      const axis = parts.shape[0] === 320 ? 0 : 1;
      const own = (cut.tensors.get(name) as tf.Tensor2D[]).map(({ shape }, i) => {
        const values = gradients[`${name}.${i}`] ?? new Float32Array(shape[0] * shape[1]);
        return tf.tensor2d(values, shape);
      });
      const joined = tf.concat(own, axis);
      tf.dispose(own);
      expect(await numbers(joined), name).toBeAllclose(expected.gradients[name] as Float32Array, 1e-6);
    }
    whole.dispose();
    cut.dispose();
  });

  it('leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const model = await load(11, { adapters: adapted });
    await expectNoLeak(async () => {
      for (const space of SPACES) {
        await scored(model, space);
        await decoded(model, space);
      }
    });
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is cut to what the backend allows for one tensor, and nothing else is larger', async () => {
    const folder = await wideFolder();
    const whole = await loadJanus(folder, { lora: { rank: 2 } });
    expect(whole.tensors.get(TABLES[0] as string)).toHaveLength(1);
    allowed.bytes = LARGEST_OTHER;
    const made: number[] = [];
    const before = tf.memory().numTensors;
    const cut = await loadJanus(folder, { lora: { rank: 2 }, maxTensorBytes: 2 ** 30 });
    for (const name of TABLES) {
      const pieces = cut.tensors.get(name) as tf.Tensor2D[];
      expect(pieces.map(({ shape }) => Math.max(...shape))).toEqual([656, 645]);
      made.push(...pieces.map(({ size }) => 4 * size));
    }
    expect(Math.max(...made)).toBeLessThanOrEqual(LARGEST_OTHER);
    const [a, b] = [whole, cut].map((model) => completionLogProbs(model, BATCHES.text));
    expect(await numbers(a as tf.Tensor)).toBeAllclose(await numbers(b as tf.Tensor), 1e-6);
    cut.dispose();
    expect(tf.memory().numTensors).toBe(before);
    whole.dispose();
  });
});

describe('a worker that loads the model again', () => {
  it('cuts it as this thread did, whatever its own backend allows', async () => {
    allowed.bytes = LARGEST_OTHER;
    const model = await loadJanus(at('bin'), { frozen: true });
    model.dispose();
    expect(model.recipe?.args).toEqual([at('bin'), { frozen: true, maxTensorBytes: LARGEST_OTHER }]);
  });
});

describe('loadJanus refuses, before a weight is read,', () => {
  const refusal = async (options: LoadJanusOptions): Promise<Error> => {
    const before = tf.memory().numTensors;
    const onProgress = () => {
      throw new Error('something was read');
    };
    const error = await loadJanus(at('bin'), { ...options, onProgress }).then(
      () => new Error('it was loaded'),
      (thrown: Error) => thrown,
    );
    expect(tf.memory().numTensors).toBe(before);
    return error;
  };

  it('tensors that are in no pieces and larger than the backend allows', async () => {
    allowed.bytes = LARGEST_OTHER - 1;
    const error = await refusal({ frozen: true });
    expect(isBicotError(error, 'backend')).toBe(true);
    expect(error.message).toMatch(
      /^loadJanus: gen_vision_model\..*\[64, 64, 3, 3\] and \d+ more would take 0\.1 MB in one tensor, but the \w+ backend allows 0\.1 MB for one\./,
    );
  });

  it('a training whose work makes a larger tensor, and says what helps', async () => {
    const plan = { rowsAtOnce: 64, microBatch: 32, contextTokens: 20, promptTokens: 20, planTokens: 8 };
    const memory = { tensorBytes: 100_000, limitBytes: 1e12, plan };
    const error = await refusal({ memory, lora: { rank: 2 } });
    expect(isBicotError(error, 'value')).toBe(true);
    expect(error.message).toMatch(
      /makes a tensor of 0\.\d MB \(.*\), but the device allows 0\.1 MB for one\. What helps: rowsAtOnce: \d+/,
    );
  });

  it('pieces of no bytes', async () => {
    for (const maxTensorBytes of [0, -1, Number.NaN]) {
      const error = await refusal({ maxTensorBytes });
      expect(error.message).toMatch(/maxTensorBytes is (0|-1|NaN), but must be above 0/);
    }
  });
});

describe('saveJanus of tables in pieces', () => {
  it.each([{ adapters: adapted }, {}])('writes what it writes of whole ones: %o', async (options) => {
    const saved = await Promise.all(
      [11, 320].map(async (rows) => {
        const model = await load(rows, options);
        for (const variable of Object.values(model.variables)) {
          tf.tidy(() => variable.assign(tf.mul(variable, 1.5)));
        }
        const folder = memoryFolder({});
        await saveJanus(model, folder, { dtype: 'F32' });
        model.dispose();
        return openTensors(folder);
      }),
    );
    const [cut, whole] = saved as [TensorSource, TensorSource];
    expect([...cut.tensors.keys()]).toEqual([...whole.tensors.keys()]);
    for (const [name, { shape, dtype }] of whole.tensors) {
      expect(cut.tensors.get(name)).toMatchObject({ shape, dtype });
      expect(Buffer.compare(await cut.readBytes(name), await whole.readBytes(name)), name).toBe(0);
    }
  });
});

/** Bytes of the largest tensors beside tables: the image decoder's, [3, 3, 64, 64]. */
const LARGEST_OTHER = 4 * 9 * 64 * 64;

/** The tiny Janus with a vocabulary of 1301, whose tables are larger than its other tensors. */
async function wideFolder(): Promise<CheckpointFolder> {
  const from = openFolder(at('original'));
  const files: Record<string, Uint8Array> = {};
  for (const file of await from.list()) files[file] = await from.read(file, 0, await from.size(file));
  const tensors = { ...decodeSafetensors(files['model.safetensors'] as Uint8Array).tensors };
  for (const name of TABLES) {
    const shape = [1301, 32];
    tensors[name] = { dtype: 'F32', shape, data: deterministicWeights(name, shape) };
  }
  const config = json('original/config.json');
  const language_config = { ...config.language_config, vocab_size: 1301 };
  return memoryFolder({
    ...files,
    'model.safetensors': encodeSafetensors(tensors),
    'config.json': new TextEncoder().encode(JSON.stringify({ ...config, language_config })),
  });
}
