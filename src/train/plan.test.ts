import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import { context, IMAGE, tabularPolicy } from '../../test/support/tabular-policy.js';
import { balanced, type ObjectiveOptions } from '../objective/presets.js';
import { completionLogProbs } from '../policy/log-probs.js';
import type { Policy, TokenContext } from '../policy/policy.js';
import { freezeReference } from '../policy/reference.js';
import { biLevelRollout } from '../rollout/bi-level.js';
import type { Rollout } from '../rollout/types.js';
import { type LevelBatch, levelBatches } from './levels.js';
import { adamW } from './optimizer.js';
import { hasGradient, planPasses } from './plan.js';
import { referenceLogProbs } from './score.js';
import { updatePolicy } from './update.js';

const GROUP = 4;
// Two groups without spread, one of them between the others; in the third a single sample of average reward.
const ADVANTAGES = Float32Array.of(0, 0, 0, 0, 1, -1, 0.5, -0.5, 0, 0, 0, 0, 1, 0, 0, -1);

/** Plans of many lengths, two images of each. */
function rollOut(policy: Policy<TokenContext>): Promise<Rollout<number, TokenContext>> {
  const rollout = biLevelRollout<number, TokenContext>({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 9 }, context: (word) => context(word) },
    token: { space: 'image', sampling: {}, context: (word, plan) => context(word, ...plan.ids) },
    imagesPerPlan: 2,
  });
  return rollout({ prompts: [1, 2, 3, 4], promptIds: [1, 2, 3, 4], groupSize: GROUP, step: 0, seed: 5 });
}

/** Counts rows times width that go through `logits`, with and without a tape. */
function counted(policy: Policy<TokenContext>) {
  const cells = { taped: 0, untaped: 0 };
  const { logits } = policy;
  const watched: Policy<TokenContext> = {
    ...policy,
    logits(contexts, completion, space) {
      const kind = tf.engine().state.gradientDepth > 0 ? 'taped' : 'untaped';
      cells[kind] += completion.rows * completion.width;
      return logits.call(policy, contexts, completion, space);
    },
  };
  return { watched, cells };
}

async function gradientsOf(
  policy: Policy<TokenContext>,
  levels: readonly LevelBatch<TokenContext>[],
  microBatch: number,
) {
  const optimizer = adamW({ beta1: 0 }); // its first moment is the gradient
  const settings = { optimizer, learningRate: 0, maxGradNorm: Number.POSITIVE_INFINITY, microBatch };
  const result = await updatePolicy(policy, levels, settings);
  const seen: Record<string, Float32Array> = {};
  for (const [key, value] of Object.entries(optimizer.state())) {
    if (key.startsWith('mean/')) seen[key] = (await value.data()) as Float32Array;
  }
  optimizer.dispose();
  return { ...result, seen };
}

/** The gradient of the whole batch at once, every row of it. */
async function computingAll(policy: Policy<TokenContext>, levels: readonly LevelBatch<TokenContext>[]) {
  const tiny = levels.map((batch) => ({
    ...batch,
    // No weight is 0 then, so that no row is left out.
    advantages: batch.advantages.map((value) => (value === 0 ? 1e-20 : value)),
  }));
  return gradientsOf(policy, tiny, 1000);
}

const OBJECTIVES: Record<string, ObjectiveOptions> = {
  plain: { klWeight: 0 },
  'with a KL penalty': { klWeight: 0.1 },
  'with an entropy bonus': { klWeight: 0, entropyWeight: 0.1 },
  'of the tokens with the highest entropy': { klWeight: 0, topEntropyShare: 0.3 },
  'without a KL penalty on flat groups': { klWeight: 0.1, zeroVarianceKl: false },
};

describeOnBackends('rows without a weight in the loss', () => {
  it.each(Object.keys(OBJECTIVES))('change no gradient, %s', async (name) => {
    const policy = tabularPolicy();
    const rollout = await rollOut(policy);
    const reference = freezeReference(policy);
    const objective = balanced(OBJECTIVES[name]);
    const levels = await Promise.all(
      levelBatches(policy, rollout, ADVANTAGES, objective).map(async (batch) => ({
        ...batch,
        referenceLogProbs: await referenceLogProbs(batch.level, reference, { microBatch: 3, where: 'test' }),
      })),
    );
    const all = await computingAll(policy, levels);
    for (const microBatch of [1, 5, 1000]) {
      const some = await gradientsOf(policy, levels, microBatch);
      expect(Object.keys(some.seen)).toEqual(Object.keys(all.seen));
      for (const [key, values] of Object.entries(all.seen)) expect(some.seen[key]).toBeAllclose(values, 1e-6);
      expect(some.loss).toBeCloseTo(all.loss, 6);
      for (const { level } of levels) {
        const scored = completionLogProbs(policy, level);
        expect(some.logProbs[level.name]).toBeAllclose(await scored.data(), 1e-6);
        scored.dispose();
      }
    }
    reference.dispose();
    policy.dispose();
  });
});

describe('an update', () => {
  it('goes backward only through rows that teach, and no wider than they are', async () => {
    const { watched, cells } = counted(tabularPolicy());
    const rollout = await rollOut(watched);
    const [plans, images] = levelBatches(watched, rollout, ADVANTAGES, balanced({ klWeight: 0 }));
    const lengths = (plans as LevelBatch<TokenContext>).level.completion.lengths;
    expect(new Set(lengths).size).toBeGreaterThan(2);

    await gradientsOf(watched, [plans as LevelBatch<TokenContext>], 2);
    const of = (rows: number[]) => rows.reduce((sum, row) => sum + (lengths[row] as number), 0);
    // One row a pass: exactly the tokens that there are.
    expect(cells).toEqual({ taped: of([2, 3, 6, 7]), untaped: of([0, 1, 4, 5]) });

    Object.assign(cells, { taped: 0, untaped: 0 });
    await gradientsOf(watched, [images as LevelBatch<TokenContext>], 4);
    expect(cells).toEqual({ taped: 6 * IMAGE.length, untaped: 10 * IMAGE.length });
  });

  it('goes through all rows where a term weighs on all, and backward through none of a level without weight', async () => {
    const policy = tabularPolicy();
    const rollout = await rollOut(policy);
    const kinds = (options: ObjectiveOptions, advantages = ADVANTAGES) =>
      levelBatches(policy, rollout, advantages, balanced({ klWeight: 0, ...options })).map((batch) => {
        const passes = planPasses(batch, 4);
        return [true, false].map((gradients) =>
          passes.filter((pass) => pass.gradients === gradients).flatMap(({ rows }) => rows),
        );
      });
    for (const options of [{ klWeight: 0.1 }, { entropyWeight: 0.1 }]) {
      for (const [backward, forward] of kinds(options)) {
        expect(backward?.length).toBeGreaterThan(0);
        expect(forward).toEqual([]);
      }
    }
    const [, [none, all] = []] = kinds({ levels: { token: { weight: 0 } } });
    expect([none, all?.length]).toEqual([[], 16]);
    // A penalty that rests at 0 now leaves a trained level without any row that teaches.
    const [plans] = levelBatches(policy, rollout, new Float32Array(16), balanced({ klWeight: 0.1 }));
    const resting = { ...(plans as LevelBatch<TokenContext>), loss: { ...plans?.loss, klWeight: 0 } };
    expect(planPasses(resting, 100)).toEqual([expect.objectContaining({ gradients: true })]);
    expect(hasGradient(resting, 0)).toBe(false);
    policy.dispose();
  });
});
