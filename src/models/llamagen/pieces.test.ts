import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { llamaGenFixture, tinyLlamaGenFolder } from '../../../test/support/tiny-llamagen.js';
import { isBicotError } from '../../errors.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { tokenBatch } from '../../policy/tokens.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { variableGradients } from '../../tensor/gradients.js';
import { uniformStream } from '../../tensor/noise.js';
import { memoryFolder } from '../checkpoints/memory-folder.js';
import type { LlamaGenContext } from './contexts.js';
import { type LlamaGenModel, type LoadLlamaGenOptions, loadLlamaGen } from './load.js';
import { saveLlamaGen } from './save.js';

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

const { config, samples } = llamaGenFixture('class');
const ROW_BYTES = 4 * config.width;
const TABLES = ['tok_embeddings.weight', 'output.weight'];
const contexts: LlamaGenContext[] = samples.map(({ label }) => ({ label: label as number }));
const batch = { contexts, completion: tokenBatch(samples.map(({ tokens }) => tokens)), space: 'image' };

const load = (rows: number, options: LoadLlamaGenOptions = {}) =>
  loadLlamaGen(tinyLlamaGenFolder('class'), { heads: 4, maxTensorBytes: rows * ROW_BYTES, ...options });

async function numbers(tensor: tf.Tensor): Promise<Float32Array> {
  const values = Float32Array.from((await tensor.data()) as Float32Array);
  tensor.dispose();
  return values;
}

/** Log-probs, gradients by variable, tokens that are drawn. */
async function computed(model: LlamaGenModel) {
  const logProbs = await numbers(completionLogProbs(model, batch));
  const made = variableGradients(
    () => tf.sum(completionLogProbs(model, batch)) as tf.Scalar,
    Object.values(model.variables),
  );
  made?.value.dispose();
  const gradients: Record<string, Float32Array> = {};
  for (const [name, { name: registered }] of Object.entries(model.variables)) {
    gradients[name] = await numbers(made?.grads[registered] as tf.Tensor);
  }
  const { completion } = await sampleCompletions(model, {
    ...{ contexts, samplesPerContext: 1, space: 'image', sampling: { guidance: { scale: 2 } } },
    streams: (row) => uniformStream('pieces', row),
  });
  return { logProbs, gradients, drawn: [...completion.ids] };
}

describeOnBackends('LlamaGen with its tables in pieces', () => {
  // Of 64 rows: 13 pieces, the last of 4 rows; two pieces, the last of 16.
  it.each([
    [5, 13],
    [48, 2],
  ])('computes, draws and trains as in one piece: %i rows', async (rows, count) => {
    const whole = await load(64);
    const cut = await load(rows);
    const [expected, found] = [await computed(whole), await computed(cut)];
    expect(found.drawn).toEqual(expected.drawn);
    expect(found.logProbs).toBeAllclose(expected.logProbs, 1e-6);
    for (const [name, gradient] of Object.entries(expected.gradients)) {
      if (!TABLES.includes(name)) expect(found.gradients[name], name).toBeAllclose(gradient, 3e-6);
    }
    for (const name of TABLES) {
      const variable = whole.variables[name] as tf.Variable;
      const pieces = Array.from({ length: count }, (_, i) => cut.variables[`${name}.${i}`] as tf.Variable);
      expect(cut.variables[`${name}.${count}`]).toBeUndefined();
      const gradients = pieces.map((piece, i) =>
        tf.tensor(found.gradients[`${name}.${i}`] as Float32Array, piece.shape),
      );
      const joined = tf.concat(gradients, variable.shape[0] === 64 ? 0 : 1);
      tf.dispose(gradients);
      expect(joined.shape).toEqual(variable.shape);
      expect(await numbers(joined), name).toBeAllclose(expected.gradients[name] as Float32Array, 3e-6);
    }
    whole.dispose();
    cut.dispose();
  });

  it('is saved as in one piece', async () => {
    const saved = await Promise.all(
      [5, 64].map(async (rows) => {
        const model = await load(rows);
        for (const variable of Object.values(model.variables)) {
          tf.tidy(() => variable.assign(tf.mul(variable, 1.5)));
        }
        const folder = memoryFolder({});
        await saveLlamaGen(model, folder, { dtype: 'F32' });
        model.dispose();
        const [file] = (await folder.list()).filter((name) => name.startsWith('c2i'));
        return folder.read(file as string, 0, await folder.size(file as string));
      }),
    );
    expect(Buffer.compare(saved[0] as Uint8Array, saved[1] as Uint8Array)).toBe(0);
  });

  it('leaves nothing behind', async () => {
    await expectNoLeak(async () => {
      const model = await load(5, { lora: { rank: 2 } });
      await computed(model);
      model.dispose();
    });
  });
});

describe('loadLlamaGen refuses, before a weight is read,', () => {
  it('tensors that are larger than the backend allows', async () => {
    allowed.bytes = 4 * config.width;
    const before = tf.memory().numTensors;
    const onProgress = () => {
      throw new Error('something was read');
    };
    const error: Error = await load(64, { onProgress }).then(
      () => new Error('it was loaded'),
      (thrown: Error) => thrown,
    );
    expect(isBicotError(error, 'backend')).toBe(true);
    expect(error.message).toMatch(/^loadLlamaGen: .* and \d+ more would take .* in one tensor/);
    expect(tf.memory().numTensors).toBe(before);
  });
});
