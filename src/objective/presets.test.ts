import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { grpoLoss } from './loss.js';
import { levelObjective } from './objective.js';
import { balanced, grpo, t2iR1 } from './presets.js';
import { tokenWeights } from './weights.js';

/** Two levels of 4 samples: plans of 2 to 5 tokens, images of 7. */
const ADVANTAGES = [1.2, -0.3, 0.4, -1.3];
const LEVELS = [
  { name: 'semantic', lengths: Int32Array.from([3, 5, 2, 4]), width: 5 },
  { name: 'token', lengths: Int32Array.from([7, 7, 7, 7]), width: 7 },
] as const;

function logProbs(level: (typeof LEVELS)[number], model: string): Float32Array {
  const draws = normalValues(uniformStream('presets', level.name, model), 4 * level.width);
  return draws.map((value) => -1.5 + 0.4 * value);
}

/**
 * T2I-R1's loss in plain float64: plan and image concatenated along time, one mean over all valid tokens,
 * loss = Σ m·−(ratio·A − β·KL) / Σ m with a ratio of 1, and the gradient in closed form.
 */
function paperLoss(beta: number): { loss: number; gradients: number[][] } {
  const tokens = LEVELS.reduce((sum, { lengths }) => sum + lengths.reduce((a, b) => a + b, 0), 0);
  let loss = 0;
  const gradients = LEVELS.map((level) => {
    const policy = logProbs(level, 'policy');
    const reference = logProbs(level, 'reference');
    return Array.from(policy, (logProb, i) => {
      const row = Math.floor(i / level.width);
      if (i % level.width >= (level.lengths[row] as number)) return 0;
      const advantage = ADVANTAGES[row] as number;
      const delta = (reference[i] as number) - logProb;
      loss += -(advantage - beta * (Math.exp(delta) - delta - 1)) / tokens;
      return (-advantage + beta * (1 - Math.exp(delta))) / tokens;
    });
  });
  return { loss, gradients };
}

describeOnBackends('t2iR1', () => {
  it('is the loss of the paper', async () => {
    const objective = t2iR1({ klWeight: 0.25 });
    const levels = LEVELS.map((level) => ({ level, own: levelObjective(objective, level.name) }));
    const weights = tokenWeights(
      levels.map(({ level, own }) => ({ ...level, weight: own.weight, normalizer: own.normalizer })),
      { joint: objective.joint },
    );
    const tensor = (values: Float32Array, width: number) => tf.tensor2d(values, [4, width]);
    const { value, grads } = tf.valueAndGrads((...policy: tf.Tensor[]) =>
      grpoLoss(
        levels.map(({ level, own }, i) => ({
          input: {
            logProbs: policy[i] as tf.Tensor2D,
            referenceLogProbs: tensor(logProbs(level, 'reference'), level.width),
            advantages: tf.tensor1d(ADVANTAGES),
            weights: tensor(weights[i] as Float32Array, level.width),
          },
          objective: own,
        })),
      ),
    )(LEVELS.map((level) => tensor(logProbs(level, 'policy'), level.width)));
    const expected = paperLoss(0.25);
    expect(await value.data()).toBeAllclose([expected.loss]);
    for (const [i, gradient] of grads.entries()) {
      expect(await gradient.data()).toBeAllclose(expected.gradients[i] as number[]);
    }
  });
});

describe('presets', () => {
  it('say what the papers say', () => {
    expect(t2iR1()).toEqual({
      name: 't2iR1',
      advantages: {
        scale: 'group',
        epsilon: 1e-4,
      },
      joint: true,
      level: { weight: 1, normalizer: 'token-mean', clip: null, klWeight: 0.01, klEstimator: 'k3' },
    });
    expect(grpo().level).toEqual({
      weight: 1,
      normalizer: 'sequence-mean',
      clip: { low: 0.2, high: 0.2 },
      klWeight: 0.04,
      klEstimator: 'k3',
    });
    expect(balanced()).toMatchObject({ joint: false, level: { normalizer: 'token-mean', klWeight: 0.01 } });
  });

  it('take options, null and 0 included', () => {
    const objective = balanced({ clip: null, klWeight: 0, scale: 'none' });
    expect(objective.level).toMatchObject({ clip: null, klWeight: 0 });
    expect(objective.advantages).toMatchObject({ scale: 'none' });
  });

  it('give a level its own settings and leave the others alone', () => {
    const objective = balanced({ levels: { semantic: { weight: 0, klWeight: undefined, clip: null } } });
    expect(levelObjective(objective, 'semantic')).toEqual({ ...objective.level, weight: 0, clip: null });
    expect(levelObjective(objective, 'token')).toEqual(objective.level);
    expect(levelObjective(objective, 'toString')).toEqual(objective.level);
  });

  it('refuse settings that make no sense', () => {
    const codeOf = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return 'no error';
    };
    expect(codeOf(() => grpo({ weight: -1 }))).toBe('value');
    expect(codeOf(() => grpo({ klWeight: Number.NaN }))).toBe('value');
    expect(codeOf(() => grpo({ levels: { token: { clip: { low: 2, high: 0.2 } } } }))).toBe('value');
    expect(codeOf(() => grpo({ scale: 'std' as 'group' }))).toBe('value');
    expect(codeOf(() => grpo({ epsilon: -1 }))).toBe('value');
    expect(codeOf(() => grpo({ klEstimator: 'k4' as 'k3' }))).toBe('value');
    expect(codeOf(() => grpo({ levels: { token: { klEstimator: 'k4' as 'k3' } } }))).toBe('value');
    const handMade = { ...grpo(), advantages: { scale: 'group', epsilon: Number.NaN } } as const;
    expect(() => levelObjective(handMade, 'token')).toThrow(/objective 'grpo'.*epsilon is NaN/);
    expect(() => grpo({ klEstimator: 'k4' as 'k3' })).toThrow(/klEstimator is "k4"; use 'k1', 'k2' or 'k3'/);
    expect(codeOf(() => t2iR1({ normalizer: 'sequence-mean' }))).toBe('value');
    expect(codeOf(() => t2iR1({ normalizer: 'sequence-mean', joint: false }))).toBe('no error');
  });
});
