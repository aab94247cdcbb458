/** LlamaGen in a training run, as a user writes it: one level, contexts that are no tokens, guidance in what is trained. */
import * as tf from '@tensorflow/tfjs';
import { grpo, oneLevelRollout, score, train } from 'bicot';
import {
  adapterReference,
  type LlamaGenContext,
  type LlamaGenModel,
  type LoadLlamaGenOptions,
  loadLlamaGen,
  withoutAdapters,
} from 'bicot/models/llamagen';
import { describe, expect, it } from 'vitest';
import { expectNoLeak } from './support/backends.js';
import { llamaGenFixture, tinyLlamaGenFolder } from './support/tiny-llamagen.js';

const PROMPTS = {
  class: [{ label: 1 }, { label: 8 }],
  text: llamaGenFixture('text').samples.map(({ features }) => ({
    features: Float32Array.from((features ?? []).flat()),
    tokens: features?.length ?? 0,
  })),
} satisfies Record<string, LlamaGenContext[]>;

async function run(model: LlamaGenModel, prompts: readonly LlamaGenContext[], steps: number) {
  const rollout = oneLevelRollout({
    ...{ policy: model, space: 'image' },
    sampling: { guidance: { scale: 2, logProbs: 'guided' } },
    context: (prompt: LlamaGenContext) => prompt,
  });
  const made = [];
  const run = train({
    ...{
      policy: model,
      rollout,
      prompts,
      steps,
      groupSize: 4,
      promptsPerStep: prompts.length,
      learningRate: 1e-3,
    },
    objective: grpo({ klWeight: 0.01 }),
    ...(model.adapters && { reference: adapterReference(model, model.adapters) }),
    // Dark pictures are good ones.
    reward: async (samples) =>
      samples.map(({ tokens }) => score(-(tokens.token?.reduce((a, b) => a + b, 0) ?? 0))),
  });
  for await (const { metrics } of run) made.push(metrics);
  return made;
}

const load = (kind: 'class' | 'text', options: LoadLlamaGenOptions = {}) =>
  loadLlamaGen(tinyLlamaGenFolder(kind), { heads: 4, ...options });

const values = async (model: LlamaGenModel): Promise<Record<string, Float32Array>> =>
  Object.fromEntries(
    await Promise.all(
      Object.entries(model.variables).map(async ([name, variable]) => [
        name,
        Float32Array.from((await variable.data()) as Float32Array),
      ]),
    ),
  );

describe('LlamaGen trains', () => {
  it.each(['class', 'text'] as const)('all of it, on what it draws: %s', async (kind) => {
    await expectNoLeak(async () => {
      const model = await load(kind);
      const before = await values(model);
      const steps = await run(model, PROMPTS[kind], 2);
      expect(steps).toHaveLength(2);
      for (const { gradNorm, levels } of steps) {
        expect(gradNorm).toBeGreaterThan(0);
        // What was sampled is what is trained, the guided distribution.
        expect(levels.token?.maxRatioDeviation).toBeLessThan(1e-4);
      }
      expect(steps[1]?.levels.token?.kl).toBeGreaterThan(0);
      const after = await values(model);
      // The condition's own parameters too.
      expect(Object.keys(before).some((name) => name.startsWith('cls_embedding.'))).toBe(true);
      for (const [name, own] of Object.entries(before)) expect(after[name], name).not.toEqual(own);
      model.dispose();
    });
  });

  it('adapters alone, beside what stays as it is', async () => {
    const model = await load('text', { lora: { rank: 2 } });
    const { adapters } = model;
    if (!adapters) throw new Error('no adapters');
    const tokens = { ids: Int32Array.of(1, 2, 3), lengths: Int32Array.of(1, 1, 1), rows: 3, width: 1 };
    const logits = async () => {
      const made = withoutAdapters(adapters, () => model.logits(PROMPTS.text, tokens, 'image'));
      const read = Float32Array.from(await made.data());
      made.dispose();
      return read;
    };
    const before = await logits();
    const steps = await run(model, PROMPTS.text, 2);
    expect(steps.every(({ gradNorm }) => gradNorm > 0)).toBe(true);
    expect(await logits()).toEqual(before);
    const trained = model.logits(PROMPTS.text, tokens, 'image');
    expect(await trained.data()).not.toEqual(before);
    tf.dispose(trained);
    model.dispose();
  });
});
