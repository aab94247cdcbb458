import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { grpoLoss } from './loss.js';
import { levelObjective, lossObjective } from './objective.js';
import {
  balanced,
  bnpo,
  cispo,
  dapo,
  drGrpo,
  grpo,
  gspo,
  PRESET_NAMES,
  presetObjective,
  sapo,
  t2iR1,
} from './presets.js';
import { unclipped } from './surrogates/clipped.js';
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
          objective: lossObjective(own),
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
    expect(t2iR1()).toMatchObject({
      name: 't2iR1',
      advantages: { scale: 'group', epsilon: 1e-4, baseline: 'mean', zeroVariance: 'keep' },
      joint: true,
      level: { weight: 1, normalizer: 'token-mean', klWeight: 0.01, klEstimator: 'k3' },
    });
    expect(t2iR1().level.surrogate.name).toBe('unclipped');
    expect(grpo()).toMatchObject({
      joint: false,
      level: {
        normalizer: 'sequence-mean',
        ratio: 'token',
        klWeight: 0.04,
        surrogate: { name: 'clipped', settings: { low: 0.2, high: 0.2 } },
      },
    });
    expect(balanced()).toMatchObject({ joint: false, level: { normalizer: 'token-mean', klWeight: 0.01 } });
    expect(bnpo()).toMatchObject({ level: { normalizer: 'token-mean', klWeight: 0 } });
    expect(drGrpo()).toMatchObject({ advantages: { scale: 'none' }, level: { normalizer: 'max-length' } });
    expect(dapo()).toMatchObject({
      advantages: { zeroVariance: { resample: 3 } },
      level: { normalizer: 'token-mean', klWeight: 0, surrogate: { settings: { low: 0.2, high: 0.28 } } },
    });
    expect(cispo()).toMatchObject({ level: { surrogate: { name: 'clippedWeight', settings: { max: 5 } } } });
    expect(sapo()).toMatchObject({ level: { surrogate: { settings: { positive: 1, negative: 1.05 } } } });
    expect(gspo()).toMatchObject({
      level: { ratio: 'sequence', surrogate: { settings: { low: 3e-4, high: 4e-4 } } },
    });
  });

  it('are found by name, for configuration files', () => {
    for (const name of PRESET_NAMES) {
      expect(presetObjective(name, { weight: 2 })).toMatchObject({ name, level: { weight: 2 } });
    }
    expect(() => presetObjective('ppo' as 'grpo')).toThrow(
      /no preset 'ppo'; the presets are t2iR1, balanced, grpo/,
    );
    expect(() => presetObjective('toString' as 'grpo')).toThrow(/no preset 'toString'/);
  });

  it('take options, null and 0 included', () => {
    const none = unclipped();
    const objective = balanced({ surrogate: none, klWeight: 0, scale: 'none', importance: null });
    expect(objective.level).toMatchObject({ surrogate: none, klWeight: 0, importance: null });
    expect(objective.advantages).toMatchObject({ scale: 'none' });
    expect(grpo({ klWeight: undefined }).level.klWeight).toBe(0.04);
  });

  it('give a level its own settings and leave the others alone', () => {
    const surrogate = unclipped();
    const objective = balanced({ levels: { semantic: { weight: 0, klWeight: undefined, surrogate } } });
    expect(levelObjective(objective, 'semantic')).toEqual({ ...objective.level, weight: 0, surrogate });
    expect(levelObjective(objective, 'token')).toEqual(objective.level);
    expect(levelObjective(objective, 'toString')).toEqual(objective.level);
  });
});
