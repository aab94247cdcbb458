import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { identityPolicy, shownToken } from '../../test/support/identity-policy.js';
import { balanced, grpo, type ObjectiveOptions, t2iR1 } from '../objective/presets.js';
import { unclipped } from '../objective/surrogates/clipped.js';
import { completionLogProbs } from '../policy/log-probs.js';
import type { Policy } from '../policy/policy.js';
import { tokenBatch, tokenMask } from '../policy/tokens.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { normalValues, uniformInteger, uniformStream } from '../tensor/noise.js';
import { repeatHostRows, repeatRows } from '../tensor/repeat-rows.js';
import { applyGradients } from './apply.js';
import { type LevelBatch, levelBatches } from './levels.js';
import { microBatches } from './micro-batch.js';
import { adamW, type Optimizer } from './optimizer.js';
import { type UpdateOptions, updatePolicy } from './update.js';

const V = 5;
const SAMPLES = 12;
const IMAGES_PER_PLAN = 2;

/** A level with rows of many lengths and made-up log-probs of an older policy. */
function makeLevel(policy: Policy, name: string, space: string, samplesPerRow: number): LevelRollout {
  const stream = uniformStream('level', name);
  const rows = Array.from({ length: SAMPLES / samplesPerRow }, () =>
    Array.from({ length: 1 + uniformInteger(stream, 4) }, () => uniformInteger(stream, V)),
  );
  const completion = tokenBatch(rows);
  const mask = tokenMask(completion);
  const old = normalValues(stream, mask.length).map((x, i) => (mask[i] as number) * (-1.6 + 0.3 * x));
  return {
    name,
    space,
    policy: policy as Policy<unknown>,
    contexts: rows.map((_, r) => shownToken(r % V)),
    completion,
    behaviourLogProbs: old,
    entropy: new Float32Array(mask.length),
    sampling: { temperature: 0.7 },
    samplesPerRow,
  };
}

function makeRollout(policy: Policy): Rollout {
  const levels = [
    makeLevel(policy, 'semantic', 'text', IMAGES_PER_PLAN),
    makeLevel(policy, 'token', 'image', 1),
  ];
  return { prompts: [0, 1, 2], groupSize: 4, levels, samples: [] };
}

const ADVANTAGES = normalValues(uniformStream('advantages'), SAMPLES);

/** An optimiser whose first moment is the gradient itself; with a learning rate of 0 it changes nothing. */
const recorder = () => adamW({ beta1: 0 });

/** The gradients of the last update, by variable. */
async function seenBy(optimizer: Optimizer): Promise<Record<string, Float32Array>> {
  const seen: Record<string, Float32Array> = {};
  for (const [key, value] of Object.entries(optimizer.state())) {
    if (key.startsWith('mean/')) seen[key.slice('mean/'.length)] = (await value.data()) as Float32Array;
  }
  return seen;
}

function update(
  policy: Policy,
  levels: readonly LevelBatch<unknown>[],
  options: Partial<UpdateOptions> & Pick<UpdateOptions, 'optimizer'>,
) {
  return updatePolicy(policy as Policy<unknown>, levels, {
    learningRate: 0,
    maxGradNorm: Number.POSITIVE_INFINITY,
    microBatch: 4,
    where: 'test',
    ...options,
  });
}

/** The formula of the paper, over all samples at once, token by token, from plain tf operations. */
function wholeBatch(policy: Policy, rollout: Rollout, beta: number, reference: Float32Array[]) {
  const lengths = rollout.levels.map(({ completion, samplesPerRow }) =>
    [...completion.lengths].flatMap((length) => new Array<number>(samplesPerRow).fill(length)),
  );
  const tokens = lengths.flat().reduce((sum, length) => sum + length, 0);
  return tf.variableGrads(() => {
    const parts = rollout.levels.flatMap((level, l) => {
      const logProbs = completionLogProbs(policy as Policy<unknown>, level, { temperature: 0.7 });
      return Array.from({ length: SAMPLES }, (_, i) => {
        const row = Math.floor(i / level.samplesPerRow);
        const length = lengths[l]?.[i] as number;
        const lp = tf.reshape(tf.slice(logProbs, [row, 0], [1, length]), [length]);
        const at = row * level.completion.width;
        const old = tf.tensor1d(level.behaviourLogProbs.slice(at, at + length));
        const ref = tf.tensor1d((reference[l] as Float32Array).slice(at, at + length));
        const delta = tf.sub(ref, lp);
        const kl = tf.sub(tf.sub(tf.exp(delta), delta), 1);
        const gain = tf.mul(tf.exp(tf.sub(lp, old)), ADVANTAGES[i] as number);
        return tf.sum(tf.sub(tf.mul(kl, beta), gain));
      });
    });
    // Not addN: WebGPU can not add so many at once.
    return tf.div(
      parts.reduce((a, b) => tf.add(a, b)),
      tokens,
    ) as tf.Scalar;
  }, Object.values(policy.variables));
}

describeOnBackends('updatePolicy', () => {
  it('any micro-batch gives the gradient of the whole batch', async () => {
    const policy = identityPolicy({ vocabulary: V });
    const rollout = makeRollout(policy);
    const reference = rollout.levels.map(({ behaviourLogProbs }) => behaviourLogProbs.map((x) => 0.9 * x));
    const expected = wholeBatch(policy, rollout, 0.04, reference);
    const levels = levelBatches(
      policy as Policy<unknown>,
      rollout,
      ADVANTAGES,
      t2iR1({ klWeight: 0.04 }),
    ).map((batch, l) => ({ ...batch, referenceLogProbs: reference[l] as Float32Array }));
    // 1 is less than the images of one plan, 5 does not divide the samples, 12 is all of them.
    for (const microBatch of [1, 4, 5, 12]) {
      const optimizer = recorder();
      const result = await update(policy, levels, { optimizer, microBatch });
      const seen = await seenBy(optimizer);
      expect([result.loss]).toBeAllclose(await expected.value.data());
      for (const [name, variable] of Object.entries(policy.variables)) {
        const gradient = expected.grads[variable.name] as tf.Tensor;
        expect(seen[name]).toBeAllclose(await gradient.data());
      }
      optimizer.dispose();
    }
    tf.dispose([expected.value, expected.grads]);
    policy.dispose();
  });
});

describe('updatePolicy', () => {
  const gradientsOf = async (options: ObjectiveOptions, advantages = ADVANTAGES) => {
    const policy = identityPolicy({ vocabulary: V });
    const optimizer = recorder();
    const levels = levelBatches(
      policy as Policy<unknown>,
      makeRollout(policy),
      advantages,
      balanced({ klWeight: 0, surrogate: unclipped(), ...options }),
    );
    const result = await update(policy, levels, { optimizer });
    const seen = await seenBy(optimizer);
    optimizer.dispose();
    policy.dispose();
    return { seen, result, updates: optimizer.step };
  };

  it('a level of weight 0 has no gradient, and leaves the other as it was', async () => {
    const both = await gradientsOf({});
    const planOnly = await gradientsOf({ levels: { token: { weight: 0 } } });
    expect(Object.keys(both.seen).sort()).toEqual(['input', 'output.image', 'output.text']);
    expect(Object.keys(planOnly.seen).sort()).toEqual(['input', 'output.text']);
    expect(planOnly.seen['output.text']).toEqual(both.seen['output.text']);
    // It is scored all the same, for the metrics.
    expect(planOnly.result.logProbs.token).toBeAllclose(both.result.logProbs.token as Float32Array, 1e-6);
  });

  it('advantages of 0 without a KL penalty change nothing and do not call the optimiser', async () => {
    const { result, updates } = await gradientsOf({}, new Float32Array(SAMPLES));
    expect(updates).toBe(0);
    expect(result).toMatchObject({ loss: 0, gradNorm: 0 });
  });

  it('trains only the levels that its own policy sampled', async () => {
    const policy = identityPolicy({ vocabulary: V });
    const other = identityPolicy({ vocabulary: V, seed: 1 });
    const rollout = makeRollout(policy);
    const [plan, image] = rollout.levels as [LevelRollout, LevelRollout];
    const mixed = { ...rollout, levels: [{ ...plan, policy: other as Policy<unknown> }, image] };
    const levels = levelBatches(policy as Policy<unknown>, mixed, ADVANTAGES, grpo({ klWeight: 0 }));
    const optimizer = recorder();
    const result = await update(policy, levels, { optimizer });
    expect(Object.keys(await seenBy(optimizer)).sort()).toEqual(['input', 'output.image']);
    optimizer.dispose();
    expect(Object.keys(result.logProbs)).toEqual(['token']);
    policy.dispose();
    other.dispose();
  });

  it('refuses settings for a level that the rollout does not have', () => {
    const policy = identityPolicy({ vocabulary: V });
    const objective = t2iR1({ levels: { token: { weight: 2 }, semantics: { weight: 0 } } });
    const batches = () => levelBatches(policy as Policy<unknown>, makeRollout(policy), ADVANTAGES, objective);
    expect(batches).toThrow(expect.objectContaining({ code: 'value' }));
    expect(batches).toThrow(/'semantics'.*levels 'semantic', 'token'/);
    policy.dispose();
  });

  it('names itself in errors where nothing else is said', async () => {
    const policy = identityPolicy({ vocabulary: V });
    const levels = levelBatches(
      policy as Policy<unknown>,
      makeRollout(policy),
      ADVANTAGES,
      grpo({ klWeight: 0 }),
    );
    const options = { optimizer: recorder(), learningRate: 0, maxGradNorm: 1, microBatch: 4 };
    await expect(
      updatePolicy(policy as Policy<unknown>, levels, { ...options, signal: AbortSignal.abort() }),
    ).rejects.toThrow(/^updatePolicy: stopped/);
    policy.dispose();
  });

  it('refuses a rollout that its policy did not make, naming the level', async () => {
    const policy = identityPolicy({ vocabulary: V });
    const levels = levelBatches(policy as Policy<unknown>, makeRollout(policy), ADVANTAGES, t2iR1());
    await expect(
      update(
        policy,
        levels.map((batch) => ({ ...batch, referenceLogProbs: batch.oldLogProbs })),
        {
          optimizer: recorder(),
          ratioTolerance: 0.1,
        },
      ),
    ).rejects.toThrow(/level 'semantic'.*tolerance 0\.1/);
    policy.dispose();
  });

  it('leaks nothing, not even when it fails, and then leaves the weights alone', async () => {
    await expectNoLeak(async () => {
      const policy = identityPolicy({ vocabulary: V });
      const objective = grpo({ klWeight: 0, surrogate: unclipped() });
      const levels = levelBatches(policy as Policy<unknown>, makeRollout(policy), ADVANTAGES, objective);
      const optimizer = recorder();
      const broken = levels.map((batch) => ({
        ...batch,
        advantages: batch.advantages.map(() => Number.NaN),
      }));
      await expect(update(policy, broken, { optimizer })).rejects.toMatchObject({ code: 'non-finite' });
      const abort = new AbortController();
      const onProgress = () => abort.abort();
      await expect(update(policy, levels, { optimizer, signal: abort.signal, onProgress })).rejects.toThrow(
        /test: stopped/,
      );
      expect(optimizer.step).toBe(0);
      await update(policy, levels, { optimizer });
      expect(optimizer.step).toBe(1);
      optimizer.dispose();
      policy.dispose();
    });
  });
});

describeOnBackends('updatePolicy, where log-probs are NaN,', () => {
  it('says so, naming the level, before any weight changes', async () => {
    const policy = identityPolicy({ vocabulary: V });
    const rollout = makeRollout(policy);
    const head = policy.variables['output.image'] as tf.Variable;
    tf.tidy(() => head.assign(tf.mul(head, Number.NaN)));
    const before = await Promise.all(Object.values(policy.variables).map((variable) => variable.data()));
    for (const options of [{}, { levels: { token: { weight: 0 } } }]) {
      const levels = levelBatches(
        policy as Policy<unknown>,
        rollout,
        ADVANTAGES,
        balanced({ klWeight: 0, ...options }),
      );
      const optimizer = recorder();
      await expect(update(policy, levels, { optimizer })).rejects.toMatchObject({
        code: 'non-finite',
        message: expect.stringMatching(
          /log-probs of the policy at level 'token' are NaN, so logits\(\) gave NaN/,
        ),
      });
      expect(optimizer.step).toBe(0);
      optimizer.dispose();
    }
    const after = await Promise.all(Object.values(policy.variables).map((variable) => variable.data()));
    expect(after).toEqual(before);
    policy.dispose();
  });
});

describe('applyGradients', () => {
  it('refuses a NaN before any weight changes', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const gradient = tf.tensor1d([Number.NaN, 1]);
    const optimizer = adamW();
    await expect(
      applyGradients(
        { w },
        { w: gradient },
        { optimizer, learningRate: 1, maxGradNorm: 1, where: 'train: step 3, update' },
      ),
    ).rejects.toMatchObject({
      code: 'non-finite',
      message: expect.stringMatching(/step 3, update.*gradients/),
    });
    expect(await w.data()).toEqual(new Float32Array([1, 2]));
    expect(optimizer.step).toBe(0);
    tf.dispose([w, gradient]);
  });
});

describe('micro-batches', () => {
  it('cover all rows, those of like length together, at least one at a time', () => {
    expect(microBatches([1, 3, 2, 3, 1], 2)).toEqual([
      { rows: [1, 3], width: 3 },
      { rows: [2, 0], width: 2 },
      { rows: [4], width: 1 },
    ]);
    expect(microBatches([5, 0, 7, 2], 2, [3, 1])).toEqual([{ rows: [3, 1], width: 2 }]);
    expect(microBatches([0, 0], 0.5)).toEqual([
      { rows: [0], width: 1 },
      { rows: [1], width: 1 },
    ]);
    expect(microBatches([], 4)).toEqual([]);
  });

  it('repeat rows alike on host and device, with the gradient added up', async () => {
    const values = [1, 2, 3, 4, 5, 6];
    const repeated = [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6];
    const rows = tf.tensor2d(values, [2, 3]);
    const weights = tf.tensor2d([1, 2, 3, 10, 20, 30, 0, 0, 0, 1, 1, 1], [4, 3]);
    const gradient = tf.grad((x) => tf.sum(tf.mul(repeatRows(x as tf.Tensor2D, 2), weights)))(rows);
    expect(await repeatRows(rows, 2).data()).toEqual(new Float32Array(repeated));
    expect(repeatHostRows(Int32Array.from(values), 3, 2)).toEqual(Int32Array.from(repeated));
    expect(await gradient.data()).toEqual(new Float32Array([11, 22, 33, 1, 1, 1]));
    tf.dispose([rows, weights, gradient]);
  });
});
