/** What must hold of every objective, whatever the numbers. */
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dppo } from '../../examples/objectives/dppo.js';
import { gmpo } from '../../examples/objectives/gmpo.js';
import { luspo } from '../../examples/objectives/luspo.js';
import { vespo } from '../../examples/objectives/vespo.js';
import { describeOnBackends } from '../../test/support/backends.js';
import { groupAdvantages } from './advantages.js';
import { combineRewards } from './combine.js';
import { kl } from './kl.js';
import { type LevelLossInput, levelLoss } from './loss.js';
import { lossObjective, type Objective } from './objective.js';
import * as presets from './presets.js';
import { clipped } from './surrogates/clipped.js';
import { softGate } from './surrogates/soft-gate.js';
import { tokenWeights } from './weights.js';

const { balanced, bnpo, cispo, dapo, drGrpo, grpo, gspo, sapo, t2iR1 } = presets;
const OBJECTIVES: readonly Objective[] = [
  ...[t2iR1, balanced, grpo, bnpo, drGrpo, dapo, cispo, sapo, gspo].map((preset) => preset({ klWeight: 0 })),
  gspo({ name: 'gspo-token', ratio: 'sequence-token' }),
  gmpo(),
  vespo(),
  dppo(),
  luspo(),
];

const RUNS = { numRuns: 15, seed: 1 };

/** Rows of different lengths, empty ones too. */
const batches = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), width: fc.integer({ min: 1, max: 6 }) })
  .chain(({ rows, width }) => {
    const numbers = (min: number, max: number, length: number) =>
      fc.array(fc.float({ min, max, noNaN: true }), { minLength: length, maxLength: length });
    return fc.record({
      rows: fc.constant(rows),
      width: fc.constant(width),
      lengths: fc.array(fc.integer({ min: 0, max: width }), { minLength: rows, maxLength: rows }),
      logProbs: numbers(-30, 0, rows * width),
      moves: numbers(-5, 5, rows * width),
      reference: numbers(-30, 0, rows * width),
      // Not among the subnormals, which hold no digits.
      advantages: fc.array(
        fc.integer({ min: -192, max: 192 }).map((n) => n / 64),
        { minLength: rows, maxLength: rows },
      ),
    });
  });
type Batch = typeof batches extends fc.Arbitrary<infer T> ? T : never;

function inputOf(batch: Batch, { level }: Objective): { input: LevelLossInput; weights: Float32Array } {
  const { rows, width, logProbs, moves, reference, advantages } = batch;
  const lengths = Int32Array.from(batch.lengths);
  const [weights] = tokenWeights([{ lengths, width, normalizer: level.normalizer, maxLength: width }]);
  const matrix = (values: ArrayLike<number>) => tf.tensor2d(Float32Array.from(values), [rows, width]);
  return {
    weights: weights as Float32Array,
    input: {
      logProbs: matrix(logProbs),
      oldLogProbs: matrix(logProbs.map((value, i) => value - (moves[i] as number))),
      referenceLogProbs: matrix(reference),
      advantages: tf.tensor1d(advantages),
      weights: matrix(weights as Float32Array),
    },
  };
}

async function lossAndGradient(input: LevelLossInput, objective: Objective) {
  const { value, grad } = tf.valueAndGrad((logProbs) =>
    levelLoss({ ...input, logProbs: logProbs as tf.Tensor2D }, lossObjective(objective.level)),
  )(input.logProbs);
  const result = { loss: (await value.data())[0] as number, gradient: await grad.data() };
  tf.dispose([value, grad]);
  return result;
}

describeOnBackends('every objective', (backend) => {
  for (const objective of OBJECTIVES) {
    it(`has the gradient −A·weight at ratio 1: ${objective.name}`, async () => {
      await fc.assert(
        fc.asyncProperty(batches, async (batch) => {
          const { input, weights } = inputOf(batch, objective);
          const { gradient } = await lossAndGradient({ ...input, oldLogProbs: input.logProbs }, objective);
          const expected = weights.map(
            (weight, i) => -weight * (batch.advantages[Math.floor(i / batch.width)] as number),
          );
          expect(gradient).toBeAllclose(expected, 1e-6);
        }),
        RUNS,
      );
    });

    it(`pays no attention to masked tokens: ${objective.name}`, async () => {
      const penalised = { ...objective, level: { ...objective.level, klWeight: 0.1 } };
      const junk = fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1e30, -7);
      await fc.assert(
        fc.asyncProperty(batches, junk, async (batch, value) => {
          const { input, weights } = inputOf(batch, penalised);
          const clean = await lossAndGradient(input, penalised);
          const dirty = async (tensor: tf.Tensor2D | undefined) => {
            const values = (await (tensor as tf.Tensor2D).data()).map((x, i) => (weights[i] ? x : value));
            return tf.tensor2d(values, [batch.rows, batch.width]);
          };
          const soiled = await lossAndGradient(
            {
              ...input,
              logProbs: await dirty(input.logProbs),
              oldLogProbs: await dirty(input.oldLogProbs),
              referenceLogProbs: await dirty(input.referenceLogProbs),
            },
            penalised,
          );
          expect(soiled).toEqual(clean);
          clean.gradient.forEach((entry, i) => {
            if (weights[i] === 0) expect(Math.abs(entry)).toBe(0);
          });
        }),
        RUNS,
      );
    });

    it(`is finite for log-ratios of ±100 and an impossible reference: ${objective.name}`, async () => {
      const penalised = { ...objective, level: { ...objective.level, klWeight: 0.1 } };
      const row = (values: number[]) => tf.tensor2d([values, values]);
      for (const advantage of [1, 0, -1]) {
        const { loss, gradient } = await lossAndGradient(
          {
            logProbs: row([-101, -1, -30, Number.NEGATIVE_INFINITY, -1]),
            oldLogProbs: row([-1, -101, -30, -1, Number.NEGATIVE_INFINITY]),
            referenceLogProbs: row([-1, Number.NEGATIVE_INFINITY, -130, Number.NEGATIVE_INFINITY, -1]),
            advantages: tf.tensor1d([advantage, -advantage]),
            weights: tf.fill([2, 5], 0.1) as tf.Tensor2D,
          },
          penalised,
        );
        expect(Number.isFinite(loss)).toBe(true);
        expect(gradient.every(Number.isFinite)).toBe(true);
      }
    });
  }

  // WGSL may take it that there is no NaN (SwiftShader makes −∞ of it here), so training looks at the log-probs itself.
  it.skipIf(backend === 'webgpu')('shows NaN: it never becomes a number', async () => {
    const objectives = [...OBJECTIVES, grpo({ klWeight: 0.1 })];
    for (const objective of objectives) {
      const clean: LevelLossInput = {
        logProbs: tf.tensor2d([[-1, -2]]),
        oldLogProbs: tf.tensor2d([[-1.1, -2]]),
        referenceLogProbs: tf.tensor2d([[-1, -2.2]]),
        advantages: tf.tensor1d([1]),
        weights: tf.tensor2d([[0.5, 0.5]]),
      };
      expect((await lossAndGradient(clean, objective)).loss).not.toBeNaN();
      for (const name of ['logProbs', 'oldLogProbs'] as const) {
        const broken = { ...clean, [name]: tf.tensor2d([[Number.NaN, -2]]) };
        expect((await lossAndGradient(broken, objective)).loss, `${objective.name}, ${name}`).toBeNaN();
      }
    }
    const reference = await kl('k3', tf.tensor1d([-1]), tf.tensor1d([Number.NaN])).data();
    expect(reference[0]).toBeNaN();
  });

  it('SAPO keeps the digits of its gradient where its gate is closed', async () => {
    for (const positive of [1, 4]) {
      for (const move of [0, 1, 2, 2.5, 3, -3]) {
        const ratio = Math.exp(move);
        const { gradient } = await lossAndGradient(
          {
            logProbs: tf.tensor2d([[-1]]),
            oldLogProbs: tf.tensor2d([[-1 - move]]),
            advantages: tf.tensor1d([1]),
            weights: tf.tensor2d([[1]]),
          },
          sapo({ surrogate: softGate({ positive }) }),
        );
        // d/dlp of −σ(τ(r − 1))·4/τ = −4·σ(x)·σ(−x)·r
        const x = positive * (ratio - 1);
        const exact = (-4 * ratio) / ((1 + Math.exp(-x)) * (1 + Math.exp(x)));
        if (Math.abs(exact) < 1e-30) continue;
        expect((gradient[0] as number) / exact, `τ = ${positive}, r = ${ratio}`).toBeCloseTo(1, 4);
      }
    }
  });

  it('a clip range of 0 still lets the gradient through at ratio 1', async () => {
    const { gradient } = await lossAndGradient(
      {
        logProbs: tf.tensor2d([[-1]]),
        oldLogProbs: tf.tensor2d([[-1]]),
        advantages: tf.tensor1d([-1]),
        weights: tf.tensor2d([[1]]),
      },
      bnpo({ surrogate: clipped({ low: 0, high: 0, delta: 0.5 }) }),
    );
    expect(gradient[0]).toBe(1);
  });

  it('clips the log-ratio at 20, and has no gradient beyond', async () => {
    const matrix = (...values: number[]) => tf.tensor2d([values]);
    const { loss, gradient } = await lossAndGradient(
      {
        logProbs: matrix(-1, -1),
        oldLogProbs: matrix(-101, -20),
        advantages: tf.tensor1d([-1]),
        weights: matrix(1, 1),
      },
      t2iR1({ klWeight: 0 }),
    );
    expect(loss / (Math.exp(20) + Math.exp(19))).toBeCloseTo(1, 5);
    expect(gradient[0]).toBe(0);
    expect((gradient[1] as number) / Math.exp(19)).toBeCloseTo(1, 5);
  });

  it('k3 is never negative, and 0 only at the reference', async () => {
    const pairs = fc.array(
      fc.tuple(
        fc.float({ min: -30, max: 0, noNaN: true }),
        fc.float({ min: Math.fround(-40), max: 40, noNaN: true }),
        fc.integer({ min: -8, max: 0 }),
      ),
      { minLength: 1, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(pairs, async (drawn) => {
        // Differences of every size, tiny ones too.
        const moves = drawn.map(([, move, exponent]) => move * 10 ** exponent);
        const policy = tf.tensor1d(drawn.map(([logProb]) => logProb));
        const reference = tf.tensor1d(drawn.map(([logProb], i) => logProb + (moves[i] as number)));
        const [a, b] = [await policy.data(), await reference.data()];
        (await kl('k3', policy, reference).data()).forEach((value, i) => {
          expect(value).toBeGreaterThanOrEqual(0);
          if (a[i] === b[i]) expect(value).toBe(0);
          // Below 1e-19 the square of the difference is 0 in float32.
          else if (Math.abs((a[i] as number) - (b[i] as number)) > 1e-18) expect(value).toBeGreaterThan(0);
        });
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  it("delta is verl's dual clip", async () => {
    const caps = fc.double({ min: 1.3, max: 5, noNaN: true });
    await fc.assert(
      fc.asyncProperty(batches, caps, async (batch, cap) => {
        const objective = bnpo({ surrogate: clipped({ low: 0.2, high: 0.2, delta: cap }) });
        const { input, weights } = inputOf(batch, objective);
        const [logProbs, old] = [
          await input.logProbs.data(),
          await (input.oldLogProbs as tf.Tensor2D).data(),
        ];
        let expected = 0;
        let magnitude = 0;
        weights.forEach((weight, i) => {
          const a = Math.fround(batch.advantages[Math.floor(i / batch.width)] as number);
          const r = Math.exp((logProbs[i] as number) - (old[i] as number));
          // max(−A·r, −A·clip(r)), and for A < 0 at most −A·c
          const plain = Math.max(-a * r, -a * Math.min(1.2, Math.max(0.8, r)));
          const token = weight * (a < 0 ? Math.min(-a * cap, plain) : plain);
          expected += token;
          magnitude = Math.max(magnitude, Math.abs(token));
        });
        const { loss } = await lossAndGradient(input, objective);
        expect(Math.abs(loss - expected)).toBeLessThanOrEqual(1e-5 * magnitude);
      }),
      { numRuns: 40, seed: 3 },
    );
  });
});

describe('advantages', () => {
  const groups = fc.integer({ min: 2, max: 8 }).chain((groupSize) =>
    fc.record({
      groupSize: fc.constant(groupSize),
      rewards: fc.integer({ min: 1, max: 4 }).chain((count) =>
        fc.array(fc.double({ min: -10, max: 10, noNaN: true }), {
          minLength: count * groupSize,
          maxLength: count * groupSize,
        }),
      ),
    }),
  );
  const scales = fc.constantFrom('group' as const, 'batch' as const, 'none' as const);
  const baselines = fc.constantFrom('mean' as const, 'leave-one-out' as const);

  it('add up to 0 in each group', () => {
    fc.assert(
      fc.property(groups, scales, baselines, ({ groupSize, rewards }, scale, baseline) => {
        const { advantages } = groupAdvantages(rewards, { groupSize, scale, baseline });
        const magnitude = advantages.reduce((max, a) => Math.max(max, Math.abs(a)), 1);
        for (let start = 0; start < rewards.length; start += groupSize) {
          const sum = advantages.subarray(start, start + groupSize).reduce((total, a) => total + a, 0);
          expect(Math.abs(sum)).toBeLessThan(1e-5 * magnitude);
        }
      }),
    );
  });

  it('do not change when a number is added to the rewards of a group', () => {
    fc.assert(
      fc.property(
        groups,
        scales,
        baselines,
        fc.integer({ min: -50, max: 50 }),
        (drawn, scale, baseline, shift) => {
          const { groupSize } = drawn;
          // Multiples of 1/64, which adding a whole number leaves exact.
          const rewards = drawn.rewards.map((reward) => Math.round(reward * 64) / 64);
          const shifted = rewards.map((reward, i) => (i < groupSize ? reward + shift : reward));
          // A batch's spread is over all groups, and so does change.
          const options = { groupSize, scale: scale === 'batch' ? ('group' as const) : scale, baseline };
          expect(groupAdvantages(shifted, options).advantages).toBeAllclose(
            groupAdvantages(rewards, options).advantages,
            1e-6,
          );
        },
      ),
    );
  });

  it('are ±0.7071 in pairs, and at most (G − 1)/√G', () => {
    const { advantages } = groupAdvantages([1, 0, 5, 5.5], { groupSize: 2, epsilon: 0 });
    expect(advantages).toBeAllclose([Math.SQRT1_2, -Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT1_2], 1e-6);
    const outlier = groupAdvantages([0, 0, 0, 0, 0, 0, 0, 9], { groupSize: 8, epsilon: 0 }).advantages;
    expect(outlier[7]).toBeCloseTo(7 / Math.sqrt(8), 5);
  });

  it('stay within the clip', () => {
    fc.assert(
      fc.property(groups, fc.double({ min: 0.1, max: 2, noNaN: true }), ({ groupSize, rewards }, clip) => {
        const free = groupAdvantages(rewards, { groupSize }).advantages;
        const bound = groupAdvantages(rewards, { groupSize, clip }).advantages;
        bound.forEach((a, i) => {
          expect(a).toBe(Math.fround(Math.max(-clip, Math.min(clip, free[i] as number))));
        });
      }),
    );
  });

  it('are 0 where all rewards are equal, and finite where one is NaN', () => {
    for (const epsilon of [0, 1e-4]) {
      const equal = groupAdvantages([0.1 + 0.2, 0.3, 0.3, 0.3], { groupSize: 4, epsilon });
      expect([...equal.advantages].every((a) => Math.abs(a) < 1e-6)).toBe(true);
      expect(equal.flat).toEqual([true]);
      const some = groupAdvantages([Number.NaN, 1, 2, Number.NaN], { groupSize: 4, epsilon });
      expect(some.advantages[0]).toBe(0);
      expect(some.advantages.every(Number.isFinite)).toBe(true);
    }
    expect(() => groupAdvantages([1, Number.POSITIVE_INFINITY], { groupSize: 2 })).toThrow(/value Infinity/);
  });

  it('of GDPO are neutral to an abstention: a silent reward moves nobody from where the others put them', () => {
    const rewards = [0.3, 0.9, 0.1, 0.5];
    const one = { names: ['a'], values: Float64Array.from(rewards), rows: 4 };
    const silent = {
      names: ['a', 'b'],
      values: Float64Array.from(rewards.flatMap((reward, i) => [reward, i === 2 ? 0.7 : Number.NaN])),
      rows: 4,
    };
    const options = { groupSize: 4, aggregation: 'normalize-then-sum' } as const;
    expect(combineRewards(silent, options).advantages).toBeAllclose(
      combineRewards(one, options).advantages,
      1e-6,
    );
    // And by the neutral sum; TRL's zero is not.
    expect(combineRewards(silent, { groupSize: 4 }).advantages).toBeAllclose(
      combineRewards(one, { groupSize: 4 }).advantages,
      1e-6,
    );
    const zero = combineRewards(silent, { groupSize: 4, abstention: 'zero' }).advantages;
    expect(zero).not.toBeAllclose(combineRewards(one, { groupSize: 4 }).advantages, 1e-2);
  });
});
