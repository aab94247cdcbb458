import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { tokenBatch, tokenMask } from '../../policy/tokens.js';
import { uniformInteger, uniformStream } from '../../tensor/noise.js';
import { exportWeights, importWeights } from '../weights.js';
import { createTransformer, type TransformerPolicy } from './transformer.js';

const SIZES = {
  textVocabulary: 11,
  imageVocabulary: 13,
  imageLength: 6,
  endToken: 2,
  specialTokens: 4,
  width: 16,
  layers: 2,
  heads: 2,
  hidden: 24,
};

const ids = (name: string, count: number, bound: number): Int32Array => {
  const stream = uniformStream('transformer', name);
  return Int32Array.from({ length: count }, () => uniformInteger(stream, bound));
};

describeOnBackends('transformer', () => {
  let model: TransformerPolicy;
  beforeAll(async () => {
    model = createTransformer(SIZES, { seed: 1 });
    // Untrained heads are close to zero; larger ones make a wrong computation visible.
    const weights = await exportWeights(model.variables);
    for (const head of ['textHead', 'imageHead']) {
      const { data } = weights[head] as { data: Float32Array };
      for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) * 50;
    }
    importWeights(model.variables, weights);
  });
  afterAll(() => model.dispose());

  const contexts = [{ ids: ids('a', 3, 11) }, { ids: ids('b', 7, 11) }, { ids: ids('c', 1, 11) }];
  const completions = {
    text: tokenBatch([ids('ta', 5, 11), ids('tb', 2, 11), ids('tc', 1, 11)]),
    image: tokenBatch([ids('ia', 6, 13), ids('ib', 6, 13), ids('ic', 6, 13)]),
  };

  for (const space of ['text', 'image'] as const) {
    it(`${space}: a row does not depend on batch-mates or padding`, async () => {
      const completion = completions[space];
      const together = model.logits(contexts, completion, space);
      const vocabulary = model.spaces[space].size;
      expect(together.shape).toEqual([3, completion.width, vocabulary]);
      const all = await together.data();
      for (let row = 0; row < 3; row++) {
        const length = completion.lengths[row] as number;
        const own = tokenBatch([
          completion.ids.slice(row * completion.width, row * completion.width + length),
        ]);
        const alone = await model.logits([contexts[row] as { ids: Int32Array }], own, space).data();
        const start = row * completion.width * vocabulary;
        expect(all.slice(start, start + length * vocabulary)).toBeAllclose(alone, 1e-5);
      }
    });

    it(`${space}: cached decoding gives the teacher-forced logits, contexts shared by samples`, async () => {
      const copies = 2;
      const width = space === 'image' ? 6 : 4;
      const vocabulary = model.spaces[space].size;
      const rows = Array.from({ length: 6 }, (_, n) => ids(`${space}${n}`, width, vocabulary));
      const repeated = rows.map((_, n) => contexts[Math.floor(n / copies)] as { ids: Int32Array });
      const expected = await model.logits(repeated, tokenBatch(rows), space).data();
      const session = model.startDecoding?.(contexts, space, { samplesPerContext: copies, maxTokens: width });
      if (!session) throw new Error('the transformer has a decoding session');
      for (let t = 0; t < width; t++) {
        const previous = t === 0 ? undefined : Int32Array.from(rows, (row) => row[t - 1] as number);
        const logits = session.next(previous);
        const got = await logits.data();
        logits.dispose();
        for (let n = 0; n < rows.length; n++) {
          const start = (n * width + t) * vocabulary;
          expect(got.slice(n * vocabulary, (n + 1) * vocabulary)).toBeAllclose(
            expected.slice(start, start + vocabulary),
            1e-4,
          );
        }
      }
      session.dispose();
    });
  }

  it('later tokens do not change earlier predictions', async () => {
    const [first, second] = [ids('ia', 6, 13), ids('ia', 6, 13)];
    second[4] = ((second[4] as number) + 1) % 13;
    const logits = model.logits(
      [contexts[0], contexts[0]] as { ids: Int32Array }[],
      tokenBatch([first, second]),
      'image',
    );
    const values = await logits.data();
    const row = 6 * 13;
    expect(values.slice(row, row + 5 * 13)).toBeAllclose(values.slice(0, 5 * 13));
    expect(values.slice(row + 5 * 13)).not.toBeAllclose(values.slice(5 * 13, 6 * 13), 1e-3);
  });

  it('every variable that a space uses gets a gradient, checked by finite differences', async () => {
    const completion = completions.image;
    const mask = tf.tensor2d(tokenMask(completion), [3, 6]);
    const loss = (): tf.Scalar =>
      tf.tidy(() => {
        const logits = model.logits(contexts, completion, 'image');
        return tf.mean(tf.mul(tf.tanh(logits), tf.expandDims(mask, -1))) as tf.Scalar;
      });
    const { value, grads } = tf.variableGrads(loss, Object.values(model.variables));
    value.dispose();
    for (const [name, variable] of Object.entries(model.variables)) {
      if (name === 'textHead') continue;
      const gradient = (await (grads[variable.name] as tf.Tensor).data()) as Float32Array;
      const at = gradient.reduce(
        (best, g, i) => (Math.abs(g) > Math.abs(gradient[best] as number) ? i : best),
        0,
      );
      const original = (await variable.data()) as Float32Array;
      const lossAt = async (shift: number) => {
        const moved = Float32Array.from(original);
        moved[at] = (moved[at] as number) + shift;
        const tensor = tf.tensor(moved, variable.shape);
        variable.assign(tensor);
        tensor.dispose();
        const scalar = loss();
        const result = (await scalar.data())[0] as number;
        scalar.dispose();
        return result;
      };
      const step = 1e-2;
      const slope = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      await lossAt(0); // restores the original values
      expect(Math.abs(slope - (gradient[at] as number)) / Math.abs(gradient[at] as number)).toBeLessThan(
        0.05,
      );
    }
    tf.dispose(grads);
    mask.dispose();
  });

  it('leaks nothing', async () => {
    await expectNoLeak(() => {
      model.logits(contexts, completions.text, 'text').dispose();
      const session = model.startDecoding?.(contexts, 'text', { samplesPerContext: 3, maxTokens: 4 });
      session?.next().dispose();
      session?.next(new Int32Array(9)).dispose();
      session?.dispose();
      session?.dispose();
    });
  });
});

describe('transformer', () => {
  it('drops the condition for guidance', () => {
    const model = createTransformer(SIZES);
    expect([...(model.unconditional?.({ ids: Int32Array.of(1, 7, 9, 2, 3) }).ids ?? [])]).toEqual([1, 2, 3]);
    model.dispose();
  });

  it('refuses what it cannot compute, in words', () => {
    expect(() => createTransformer({ ...SIZES, heads: 3 })).toThrow(/width 16 over 3 heads/);
    expect(() => createTransformer({ ...SIZES, layers: 0 })).toThrow(/layers is 0; a positive whole number/);
    const model = createTransformer(SIZES);
    const completion = tokenBatch([[1]]);
    expect(() => model.logits([{ ids: Int32Array.of(11) }], completion, 'text')).toThrow(
      /token id 11, outside the text vocabulary \[0, 11\)/,
    );
    expect(() => model.logits([{ ids: new Int32Array(0) }], completion, 'text')).toThrow(
      /Context 0 is empty/,
    );
    expect(() => model.logits([{ ids: Int32Array.of(1) }], tokenBatch([[13]]), 'image')).toThrow(
      /token id 13/,
    );
    expect(() => model.logits([{ ids: Int32Array.of(1) }], completion, 'sound')).toThrow(
      /no token space "sound"/,
    );
    model.dispose();
  });
});
