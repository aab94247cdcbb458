import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BACKENDS, describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import {
  type LlamaGenSample,
  llamaGenFixture,
  tinyLlamaGenFolder,
} from '../../../test/support/tiny-llamagen.js';
import { vqReference } from '../../../test/support/vq.js';
import { checkPolicy } from '../../conformance/policy/check-policy.js';
import type { TokenDistribution } from '../../policy/distribution.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { freezeReference } from '../../policy/reference.js';
import { selectTokenRows, tokenBatch } from '../../policy/tokens.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { variableGradients } from '../../tensor/gradients.js';
import { uniformStream } from '../../tensor/noise.js';
import type { LlamaGenContext } from './contexts.js';
import { type LlamaGenModel, type LoadLlamaGenOptions, loadLlamaGen } from './load.js';

// What PyTorch computes in float64; the published code agrees with it (test/reference/README.md).
const kinds = ['class', 'text'] as const;
type Kind = (typeof kinds)[number];

const load = (kind: Kind, options: LoadLlamaGenOptions = {}) =>
  loadLlamaGen(tinyLlamaGenFolder(kind), { heads: 4, ...options });

const contextOf = ({ label, features }: LlamaGenSample): LlamaGenContext =>
  label === undefined
    ? {
        features: Float32Array.from((features as number[][]).flat()),
        tokens: (features as number[][]).length,
      }
    : { label };

/** Captions of 4, 6 and 1 tokens, or three classes, in one batch. */
function batchOf(kind: Kind) {
  const { samples, scale } = llamaGenFixture(kind);
  return {
    ...{ samples, scale, space: 'image' },
    contexts: samples.map(contextOf),
    completion: tokenBatch(samples.map(({ tokens }) => tokens)),
  };
}

async function numbers(tensor: tf.Tensor): Promise<Float32Array> {
  const values = Float32Array.from((await tensor.data()) as Float32Array);
  tensor.dispose();
  return values;
}

describeOnBackends('LlamaGen from PyTorch files, held against PyTorch', (backend) => {
  for (const kind of kinds) {
    describe(kind, () => {
      const { samples, scale, contexts, completion, space } = batchOf(kind);
      const batch = { contexts, completion, space };
      let model: LlamaGenModel;
      beforeAll(async () => {
        model = await load(kind);
      });
      afterAll(() => model.dispose());

      const scores = async (distribution: TokenDistribution = {}, of = batch) =>
        numbers(completionLogProbs(model, of, distribution));

      it('has the sizes of its tensors, and one space', () => {
        expect(model.config).toEqual(llamaGenFixture(kind).config);
        expect(Object.keys(model.spaces)).toEqual(['image']);
        expect(model.spaces.image).toMatchObject({ kind: 'image', size: 64, length: 16 });
      });

      it('gives the log-probs of all samples in one batch, with their condition and without', async () => {
        expect(await scores()).toBeAllclose(
          samples.flatMap(({ logProbs }) => [...logProbs]),
          1e-5,
        );
        const without = { ...batch, contexts: contexts.map(model.unconditional) };
        expect(await scores({}, without)).toBeAllclose(
          samples.flatMap(({ unconditionalLogProbs }) => [...unconditionalLogProbs]),
          1e-5,
        );
      });

      it('gives the guided log-probs', async () => {
        const guidance = { scale, logProbs: 'guided' as const };
        expect(await scores({ guidance })).toBeAllclose(
          samples.flatMap(({ guidedLogProbs }) => [...guidedLogProbs]),
          1e-5 * scale,
        );
      });

      it('gives the logits of the first token, and scores them the same at a temperature', async () => {
        const logits = await numbers(model.logits(contexts, completion, space));
        samples.forEach(({ firstLogits }, row) => {
          const first = logits.subarray(row * 16 * 64, row * 16 * 64 + 64);
          expect(first).toBeAllclose(firstLogits.conditional, 1e-5);
        });
        const tempered = tf.tidy(() => {
          const all = tf.logSoftmax(tf.div(tf.tensor2d(logits, [3 * 16, 64]), 0.7));
          return tf.sum(tf.mul(all, tf.oneHot(tf.tensor1d(completion.ids, 'int32'), 64)), 1);
        });
        expect(await scores({ temperature: 0.7 })).toBeAllclose(await numbers(tempered), 1e-5);
      });

      it('draws the greedy tokens under guidance, all samples side by side', async () => {
        const drawn = await sampleCompletions(model, {
          ...{ contexts, samplesPerContext: 1, space },
          sampling: { topK: 1, guidance: { scale } },
          streams: (row) => uniformStream(0, row),
        });
        expect([...drawn.completion.ids]).toEqual(samples.flatMap(({ greedy }) => [...greedy.tokens]));
      });

      it('has the gradients of all parameters', async () => {
        const made = variableGradients(
          () => tf.sum(completionLogProbs(model, batch)) as tf.Scalar,
          Object.values(model.variables),
        ) as { value: tf.Scalar; grads: tf.NamedTensorMap };
        /** In PyTorch's orientation. */
        const gradientOf = async (name: string): Promise<Float32Array> => {
          const fused = name.replace('wqkv', 'wq');
          if (fused !== name) {
            const parts = await Promise.all(
              ['wq', 'wk', 'wv'].map((w) => gradientOf(name.replace('wqkv', w))),
            );
            return Float32Array.from(parts.flatMap((part) => [...part]));
          }
          const own = made.grads[(model.variables[name] as tf.Variable).name] as tf.Tensor;
          const table = own.rank === 1 || /^(tok_embeddings|cls_embedding\.embedding)/.test(name);
          return numbers(table ? tf.clone(own) : tf.transpose(own));
        };
        const expected = Object.entries(llamaGenFixture(kind).gradients);
        const trained = Object.keys(model.variables).map((name) =>
          name.replace(/w[qkv]\.weight/, 'wqkv.weight'),
        );
        expect(new Set(trained)).toEqual(new Set(expected.map(([name]) => name)));
        for (const [name, { norm, first }] of expected) {
          const own = await gradientOf(name);
          // Of queries the first channel stays the first.
          expect(own.subarray(0, 4), name).toBeAllclose(first, 1e-4 * Math.max(1, norm));
          expect(Math.hypot(...own) / norm, name).toBeCloseTo(1, 4);
        }
        tf.dispose([made.value, made.grads]);
      });

      it('gives a sample the same values whatever its batch-mates are', async () => {
        const all = await scores();
        for (const row of samples.keys()) {
          const own = { ...batch, contexts: [contexts[row] as LlamaGenContext] };
          const alone = await scores({}, { ...own, completion: selectTokenRows(completion, [row]) });
          const together = all.subarray(16 * row, 16 * row + 16);
          if (backend === 'wasm') expect(alone).toEqual(together);
          else expect(alone).toBeAllclose(together, 1e-6);
        }
      });

      it('scores rows in their order, however their lengths take turns', async () => {
        const order = [0, 1, 2, 0, 1];
        const turned = {
          ...batch,
          contexts: order.map((row) => contexts[row] as LlamaGenContext),
          completion: selectTokenRows(completion, order),
        };
        const expected = order.flatMap((row) => [...(samples[row] as LlamaGenSample).logProbs]);
        expect(await scores({}, turned)).toBeAllclose(expected, 1e-5);
        // By the logits.
        const guidance = { scale: 0, logProbs: 'guided' as const };
        const unconditional = order.flatMap((row) => [
          ...(samples[row] as LlamaGenSample).unconditionalLogProbs,
        ]);
        expect(await scores({ guidance }, turned)).toBeAllclose(unconditional, 1e-5);
      });

      it('decodes a session of all rows as one of each, also after some have left', async () => {
        const options = { samplesPerContext: 2, maxTokens: 5 };
        const steps = async (which: number[], keepAt?: number, kept: number[] = []) => {
          const own = which.map((row) => contexts[row] as LlamaGenContext);
          const session = model.startDecoding?.(own, space, options);
          if (!session) throw new Error('no session');
          let rows = which.flatMap((row) => [2 * row, 2 * row + 1]);
          expect(session.rows).toBe(rows.length);
          const found = new Map<string, Float32Array>();
          for (let t = 0; t < 5; t++) {
            if (t === keepAt) {
              session.keep?.(Int32Array.from(kept));
              rows = kept.map((place) => rows[place] as number);
            }
            // Each row has tokens of its own.
            const fed = t > 0 ? Int32Array.from(rows, (row) => (7 * row + 5 * t) % 64) : undefined;
            const logits = await numbers(session.next(fed));
            expect(logits.length).toBe(64 * rows.length);
            for (const [place, row] of rows.entries()) {
              found.set(`${row} ${t}`, logits.slice(64 * place, 64 * place + 64));
            }
          }
          session.dispose();
          session.dispose();
          return found;
        };
        await expectNoLeak(async () => {
          const apart = new Map([...(await steps([0])), ...(await steps([1])), ...(await steps([2]))]);
          const near = (found: Map<string, Float32Array>) => {
            for (const [key, values] of found) {
              expect(values, key).toBeAllclose(apart.get(key) as Float32Array, 1e-5);
            }
          };
          near(await steps([0, 1, 2]));
          near(await steps([2, 0, 2, 1]));
          // All rows of the caption of six tokens leave, and one of another.
          near(await steps([0, 1, 2], 2, [0, 4, 5]));
          near(await steps([0, 1, 2], 3, [3]));
        });
      });

      it('keeps the contract of policies', async () => {
        const report = await checkPolicy(model, { contexts });
        expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
        expect(report.checks.length).toBeGreaterThan(10);
      });

      it('makes pictures of tokens, byte by byte as the published code', async () => {
        const { codes, pixels: expected } = vqReference('tiny');
        const tokens = tokenBatch(codes);
        const pixels = await numbers(model.pixels(tokens));
        expect(pixels).toBeAllclose(expected.flat(), 2e-4);
        const pictures = (await model.spaces.image.decode?.(tokens)) ?? [];
        const bytes = pictures.flatMap(({ data }) => [...data]);
        const scaled = expected.flat().map((value) => Math.min(Math.max(127.5 * value + 128, 0), 255));
        expect(bytes).toHaveLength(scaled.length);
        scaled.forEach((value, i) => {
          if (Math.abs(value - Math.round(value)) > 0.05) expect(bytes[i]).toBe(Math.floor(value));
        });
      });

      it('is the same with everything kept for the backward pass', async () => {
        const other = await load(kind, { checkpointing: false });
        const gradientOf = async (policy: LlamaGenModel) => {
          const [, variable] = Object.entries(policy.variables).at(3) as [string, tf.Variable];
          const found = variableGradients(
            () => tf.sum(completionLogProbs(policy, batch)) as tf.Scalar,
            Object.values(policy.variables),
          ) as { value: tf.Scalar; grads: tf.NamedTensorMap };
          const values = await numbers(tf.clone(found.grads[variable.name] as tf.Tensor));
          tf.dispose([found.value, found.grads]);
          return values;
        };
        expect(await gradientOf(other)).toBeAllclose(await gradientOf(model), 1e-5);
        other.dispose();
      });

      it('leaves nothing behind', async () => {
        const before = tf.memory().numTensors;
        const own = await load(kind);
        await expectNoLeak(async () => {
          const reference = freezeReference(own);
          reference.logProbs(batch, { guidance: { scale: 2, logProbs: 'guided' } }).dispose();
          await sampleCompletions(own, {
            ...{ contexts, samplesPerContext: 2, space },
            sampling: { maxTokens: 5, guidance: { scale: 2 } },
            streams: (row) => uniformStream(row),
          });
          own.startDecoding?.(contexts, space, { samplesPerContext: 1, maxTokens: 3 }).dispose();
          reference.dispose();
        });
        own.dispose();
        own.dispose();
        expect(tf.memory().numTensors).toBe(before);
      });
    });
  }
});

describe('LlamaGen refuses', () => {
  const score = (model: LlamaGenModel, contexts: unknown[], space = 'image', rows = contexts.length) =>
    model.logits(
      contexts as LlamaGenContext[],
      tokenBatch(Array.from({ length: rows }, () => [1, 2])),
      space,
    );

  it.each(kinds)('what it can not draw, in words: %s', async (kind) => {
    await tf.setBackend(BACKENDS[0] as string);
    const model = await load(kind, { frozen: true });
    const good = contextOf(llamaGenFixture(kind).samples[0] as LlamaGenSample);
    const refuses = (contexts: unknown[], code: string, words: RegExp) => {
      const refused = expect.objectContaining({ code, message: expect.stringMatching(words) });
      expect(() => score(model, contexts)).toThrow(refused);
      expect(() =>
        model.startDecoding?.(contexts as LlamaGenContext[], 'image', { samplesPerContext: 1, maxTokens: 2 }),
      ).toThrow(refused);
    };
    if (kind === 'class') {
      refuses([good, { label: 11 }], 'token-range', /context 1 is class 11; a whole number of \[0, 10\)/);
      refuses([{ label: 0.5 }], 'token-range', /is class 0\.5/);
      refuses([{ features: new Float32Array(24), tokens: 1 }], 'value', /has no label.*draws classes/);
    } else {
      const features = new Float32Array(24 * 7);
      refuses([good, { features, tokens: 7 }], 'shape', /context 1 has 7 tokens; 1 to 6 are possible/);
      refuses([{ features, tokens: 6 }], 'shape', /has 168 numbers of 6 tokens; 24 each, so 144/);
      refuses([{ features, tokens: 0 }], 'shape', /has 0 tokens/);
      refuses([{ label: 1 }], 'value', /has no features.*draws captions/);
    }
    expect(() => score(model, [good], 'text')).toThrow(/no token space 'text'; it has 'image' alone/);
    expect(() => score(model, [good], 'image', 2)).toThrow(/contexts/);
    const long = tokenBatch([new Array(17).fill(0)]);
    expect(() => model.logits([good], long, 'image')).toThrow(/row 0 has 17 tokens.*has 16/);
    expect(() => model.logits([good], tokenBatch([[64]]), 'image')).toThrow(/token id 64/);
    model.dispose();
  });
});
