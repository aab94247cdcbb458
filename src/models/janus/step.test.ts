import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends } from '../../../test/support/backends.js';
import { tinyJanus } from '../../../test/support/tiny-janus-policy.js';
import { DRAWINGS, IMAGES, PLANS, PROMPTS } from '../../../test/support/tiny-janus-samples.js';
import { groupAdvantages } from '../../objective/advantages.js';
import { levelLoss } from '../../objective/loss.js';
import { unclipped } from '../../objective/surrogates/clipped.js';
import { tokenWeights } from '../../objective/weights.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { variableGradients } from '../../tensor/gradients.js';
import { adapterReference } from '../lora/reference.js';
import { loadJanus } from './load.js';
import type { JanusPolicy } from './policy.js';
import { arangeContexts } from './sequences.js';

/** A step in float64 by PyTorch's autograd, of transformers' own Janus. */
interface KnownStep {
  readonly advantages: readonly number[];
  readonly tokens: number;
  /** `[N][plan and image]` */
  readonly logProbs: readonly (readonly number[])[];
  readonly referenceLogProbs: readonly (readonly number[])[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, KnownGradient>>;
}
interface KnownGradient {
  readonly norm: number;
  /** Entries from `offset` on. */
  readonly first: readonly number[];
  readonly offset: number;
  /** Σ gᵢ · cos i */
  readonly cosine: number;
}

const fixture = (path: string) => new URL(`../../../test/fixtures/janus/${path}`, import.meta.url);
const json = (path: string) => JSON.parse(readFileSync(fixture(path), 'utf8'));

const REWARDS = [1.3, 0.4];

const levelsAt = (positions: 'arange' | 'compact') => [
  { contexts: PROMPTS, completion: PLANS, space: 'text' },
  {
    contexts: positions === 'arange' ? arangeContexts(DRAWINGS) : DRAWINGS,
    completion: IMAGES,
    space: 'image',
  },
];
type Levels = ReturnType<typeof levelsAt>;

const scores = (policy: JanusPolicy, levels: Levels): Promise<Float32Array[]> =>
  Promise.all(
    levels.map(async (level) => {
      const scored = completionLogProbs(policy, level);
      const values = Float32Array.from(await scored.data());
      scored.dispose();
      return values;
    }),
  );

/** What the known step has side by side. */
const joined = ([text, image]: Float32Array[]): number[] =>
  [0, 1].flatMap((row) => [
    ...(text as Float32Array).slice(4 * row, 4 * row + 4),
    ...(image as Float32Array).slice(16 * row, 16 * row + 16),
  ]);

/** The paper's loss on two samples of one group, and its gradients. */
function step(policy: JanusPolicy, levels: Levels, references: Float32Array[], advantages: Float32Array) {
  const lengths = levels.map(({ completion }) => ({ ...completion, normalizer: 'token-mean' as const }));
  const weights = tokenWeights(lengths, { joint: true });
  const loss = () =>
    levels
      .map((level, l) => {
        const shape: [number, number] = [level.completion.rows, level.completion.width];
        return levelLoss(
          {
            logProbs: completionLogProbs(policy, level),
            referenceLogProbs: tf.tensor2d(references[l] as Float32Array, shape),
            advantages: tf.tensor1d(advantages),
            weights: tf.tensor2d(weights[l] as Float32Array, shape),
          },
          { ratio: 'token', surrogate: unclipped(), klWeight: 0.01, klEstimator: 'k3' },
        );
      })
      .reduce((sum, each) => tf.add(sum, each)) as tf.Scalar;
  const made = variableGradients(loss, Object.values(policy.variables));
  if (!made) throw new Error('nothing to train');
  return made;
}

/** Compares everything that is known of a step. */
async function holdAgainst(
  known: KnownStep,
  policy: JanusPolicy,
  levels: Levels,
  references: Float32Array[],
  knownName: (name: string) => string = (name) => name,
): Promise<void> {
  const { advantages } = groupAdvantages(REWARDS, { groupSize: 2 });
  expect(advantages).toBeAllclose(known.advantages, 1e-6);
  expect(joined(await scores(policy, levels))).toBeAllclose(known.logProbs.flat(), 1e-5);
  expect(joined(references)).toBeAllclose(known.referenceLogProbs.flat(), 1e-5);
  const { value, grads } = step(policy, levels, references, advantages);
  expect((await value.data())[0]).toBeCloseTo(known.loss, 6);
  expect(
    Object.keys(policy.variables)
      .map(knownName)
      .filter((name) => name in known.gradients),
  ).toHaveLength(Object.keys(known.gradients).length);
  for (const [name, variable] of Object.entries(policy.variables)) {
    const expected = known.gradients[knownName(name)];
    if (!expected) continue;
    const own = grads[variable.name] as tf.Tensor;
    const asStored = name.endsWith('embed_tokens.weight') || own.rank < 2;
    const turned = asStored ? tf.clone(own) : tf.transpose(own);
    const values = (await turned.data()) as Float32Array;
    turned.dispose();
    const { norm, first, offset, cosine } = expected;
    expect(Math.abs(Math.hypot(...values) - norm) / norm, name).toBeLessThan(1e-4);
    first.forEach((entry, i) => {
      expect(Math.abs((values[offset + i] as number) - entry) / norm, name).toBeLessThan(2e-5);
    });
    const projected = values.reduce((sum, entry, i) => sum + entry * Math.cos(i), 0);
    expect(Math.abs(projected - cosine) / norm, name).toBeLessThan(1e-4);
  }
  tf.dispose([value, grads]);
}

describeOnBackends("the paper's step, held against PyTorch", () => {
  it.each(['arange', 'compact'] as const)('on the whole language model, positions %s', async (positions) => {
    const policy = await tinyJanus();
    const levels = levelsAt(positions);
    // The reference: the same weights, one matrix at nine tenths.
    const variable = policy.variables['language_model.model.layers.0.self_attn.q_proj.weight'] as tf.Variable;
    const original = tf.clone(variable);
    tf.tidy(() => variable.assign(tf.mul(variable, 0.9)));
    const references = await scores(policy, levels);
    variable.assign(original);
    original.dispose();
    await holdAgainst(json('grpo-step.json')[`f32-${positions}`], policy, levels, references);
    policy.dispose();
  });

  it.each(['arange', 'compact'] as const)(
    'on adapters, which off are the reference, positions %s',
    async (positions) => {
      const policy = await loadJanus(fileURLToPath(fixture('original')), {
        adapters: fileURLToPath(fixture('peft/original')),
      });
      if (!policy.adapters) throw new Error('no adapters');
      const levels = levelsAt(positions);
      const reference = adapterReference(policy, policy.adapters);
      const scored = reference.run(() => levels.map((level) => completionLogProbs(policy, level)));
      const references = await Promise.all(scored.map(async (each) => Float32Array.from(await each.data())));
      tf.dispose(scored);
      await holdAgainst(
        json('peft/grpo-step.json')[positions],
        policy,
        levels,
        references,
        (name) => `base_model.model.${name}.weight`,
      );
      policy.dispose();
    },
  );
});
