import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import fixture from '../../test/fixtures/grpo-losses.json';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { grpoLoss, type LevelLossInput, type LossObjective, levelLoss } from './loss.js';
import { clipped, unclipped } from './surrogates/clipped.js';
import { type Normalizer, tokenWeights } from './weights.js';

const { logp, old, ref, mask, adv, max_completion_length } = fixture.inputs;
const ROWS = logp.length;
const WIDTH = 6;
const lengths = Int32Array.from(mask, (row) => row.reduce((a, b) => a + b, 0));
const CLIP = { low: 0.2, high: 0.2 };

function weightsOf(normalizer: Normalizer, weight = 1): Float32Array {
  const [weights] = tokenWeights([{ lengths, width: WIDTH, normalizer, weight }]);
  return weights as Float32Array;
}

const matrix = (values: Float32Array | number[], rows = ROWS) => tf.tensor2d(values, [rows, WIDTH]);

/** The fixture's batch; `weights` on top. */
function batch(normalizer: Normalizer, weight = 1): LevelLossInput {
  return {
    logProbs: tf.tensor2d(logp),
    oldLogProbs: tf.tensor2d(old),
    referenceLogProbs: tf.tensor2d(ref),
    advantages: tf.tensor1d(adv),
    weights: matrix(weightsOf(normalizer, weight)),
  };
}

/** Loss and gradient with respect to the log-probs. */
async function lossAndGradient(input: LevelLossInput, objective: LossObjective) {
  const { value, grad } = tf.valueAndGrad((logProbs) =>
    levelLoss({ ...input, logProbs: logProbs as tf.Tensor2D }, objective),
  )(input.logProbs);
  return { loss: await value.data(), gradient: await grad.data() };
}

const NORMALIZERS: Record<string, Normalizer> = {
  grpo: 'sequence-mean',
  bnpo: 'token-mean',
  luspo: 'sequence-sum',
  drGrpo: { maxLength: max_completion_length },
};

// That every objective equals TRL's is in test/objective-reference.test.ts.
describeOnBackends('levelLoss', () => {
  it('has the gradient −A·weight at ratio 1, with and without a clip', async () => {
    for (const normalizer of Object.values(NORMALIZERS)) {
      const weights = weightsOf(normalizer);
      const expected = weights.map((weight, i) => -weight * (adv[Math.floor(i / WIDTH)] as number));
      for (const surrogate of [unclipped(), clipped(CLIP), clipped({ low: 0, high: 0 })]) {
        const first = { ...batch(normalizer), oldLogProbs: undefined };
        const { loss, gradient } = await lossAndGradient(first, { surrogate });
        expect(gradient).toBeAllclose(expected, 1e-6);
        expect(loss).toBeAllclose([expected.reduce((a, b) => a + b, 0)]);
      }
    }
  });

  it('adds up over micro-batches', async () => {
    const whole = await lossAndGradient(batch('sequence-mean'), {
      surrogate: clipped(CLIP),
      klWeight: 0.04,
      klEstimator: 'k3',
    });
    const parts = [];
    for (const [start, size] of [
      [0, 1],
      [1, 2],
      [3, 1],
    ] as const) {
      const { logProbs, oldLogProbs, referenceLogProbs, advantages, weights } = batch('sequence-mean');
      const rows = (x: tf.Tensor2D | undefined) => tf.slice(x as tf.Tensor2D, [start, 0], [size, WIDTH]);
      parts.push(
        await lossAndGradient(
          {
            logProbs: rows(logProbs),
            oldLogProbs: rows(oldLogProbs),
            referenceLogProbs: rows(referenceLogProbs),
            advantages: tf.slice(advantages, start, size),
            weights: rows(weights),
          },
          { surrogate: clipped(CLIP), klWeight: 0.04, klEstimator: 'k3' },
        ),
      );
    }
    expect(parts.flatMap(({ gradient }) => [...gradient])).toBeAllclose(whole.gradient, 1e-6);
    expect([parts.reduce((sum, { loss }) => sum + (loss[0] as number), 0)]).toBeAllclose(whole.loss, 1e-6);
  });

  it('is untouched by what padding holds', async () => {
    const objective = { surrogate: clipped(CLIP), klWeight: 0.04, klEstimator: 'k3' } as const;
    const clean = await lossAndGradient(batch('token-mean'), objective);
    for (const junk of [Number.NEGATIVE_INFINITY, Number.NaN, Number.POSITIVE_INFINITY, 1e30]) {
      const dirty = (values: number[][]) =>
        tf.tensor2d(values.map((row, i) => row.map((value, t) => (mask[i]?.[t] ? value : junk))));
      const { loss, gradient } = await lossAndGradient(
        {
          ...batch('token-mean'),
          logProbs: dirty(logp),
          oldLogProbs: dirty(old),
          referenceLogProbs: dirty(ref),
        },
        objective,
      );
      expect([...loss]).toEqual([...clean.loss]);
      expect([...gradient]).toEqual([...clean.gradient]);
    }
  });

  it('gives a level of weight 0 a gradient of exactly 0, and others another', async () => {
    const objective = { surrogate: clipped(CLIP), klWeight: 0.04, klEstimator: 'k3' } as const;
    for (const off of [0, 1]) {
      const inputs = [
        batch('token-mean', off === 0 ? 0 : 1),
        batch('token-mean', off === 1 ? 0 : 1),
      ] as const;
      const gradients = tf.grads((a, b) =>
        grpoLoss([
          { input: { ...inputs[0], logProbs: a as tf.Tensor2D }, objective },
          { input: { ...inputs[1], logProbs: b as tf.Tensor2D }, objective },
        ]),
      )(inputs.map(({ logProbs }) => logProbs));
      for (const [i, gradient] of gradients.entries()) {
        const values = await gradient.data();
        expect(values.every((value) => value === 0)).toBe(i === off);
      }
    }
  });

  it('reaches variables, and constants get no gradient', async () => {
    const variable = tf.variable(tf.tensor2d(logp));
    const { oldLogProbs, referenceLogProbs, ...input } = batch('sequence-mean');
    // Old and reference log-probs computed from the variable itself must not be differentiated.
    const shifted = (to: tf.Tensor | undefined) =>
      tf.add(variable, tf.sub(to as tf.Tensor, tf.tensor2d(logp))) as tf.Tensor2D;
    const { grads } = tf.variableGrads(
      () =>
        levelLoss(
          {
            ...input,
            logProbs: tf.clone(variable) as tf.Tensor2D,
            oldLogProbs: shifted(oldLogProbs),
            referenceLogProbs: shifted(referenceLogProbs),
          },
          { surrogate: clipped(CLIP), klWeight: 0.04, klEstimator: 'k3' },
        ),
      [variable],
    );
    expect(await (grads[variable.name] as tf.Tensor).data()).toBeAllclose(
      fixture.trl['grpo_beta0.04'].grad.flat(),
    );
    variable.dispose();
  });

  it('leaks nothing', async () => {
    const input = batch('token-mean');
    const objective = {
      surrogate: clipped({ ...CLIP, delta: 3 }),
      klWeight: 0.1,
      klEstimator: 'k3',
    } as const;
    await expectNoLeak(() => levelLoss(input, objective).dispose());
    await expectNoLeak(() =>
      grpoLoss([
        { input, objective },
        { input, objective },
      ]).dispose(),
    );
    await expectNoLeak(() => {
      tf.grad((x) => levelLoss({ ...input, logProbs: x as tf.Tensor2D }, objective))(
        input.logProbs,
      ).dispose();
    });
  });

  it('refuses what does not fit', () => {
    const input = batch('token-mean');
    const objective = { surrogate: clipped(CLIP) };
    const codeOf = (changes: Partial<LevelLossInput>, other: Partial<LossObjective> = {}) => {
      try {
        levelLoss({ ...input, ...changes }, { ...objective, ...other });
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return 'no error';
    };
    const wrong = tf.zeros([ROWS, 1]) as tf.Tensor2D;
    expect(codeOf({})).toBe('no error');
    // Each of these would broadcast in silence.
    expect(codeOf({ oldLogProbs: wrong })).toBe('shape');
    expect(codeOf({ referenceLogProbs: wrong })).toBe('shape');
    expect(codeOf({ weights: wrong })).toBe('shape');
    expect(codeOf({ advantages: wrong as unknown as tf.Tensor1D })).toBe('shape');
    expect(codeOf({ referenceLogProbs: undefined }, { klWeight: 0.1 })).toBe('value');
    expect(codeOf({}, { klWeight: -1 })).toBe('value');
    expect(codeOf({}, { entropyWeight: 0.1 })).toBe('value');
    expect(codeOf({}, { offPolicyThreshold: 0.1 })).toBe('value');
    expect(codeOf({}, { importance: { level: 'token', mode: 'mask', max: 3 } })).toBe('value');
    expect(codeOf({ policyFactor: wrong })).toBe('shape');
    expect(codeOf({ klWeights: wrong })).toBe('shape');
    expect(codeOf({ entropyWeights: wrong })).toBe('shape');
    expect(() => levelLoss(input, { clip: CLIP } as LossObjective)).toThrow(/no option 'clip'.*'surrogate'/);
    expect(() => grpoLoss([])).toThrow(/no levels/);
    const whole = tf.cast(input.logProbs, 'int32') as tf.Tensor2D;
    expect(() => levelLoss({ ...input, logProbs: whole }, {})).toThrow(
      /logProbs has dtype int32, but float32/,
    );
    expect(() => levelLoss({ ...input, weights: undefined as never }, {})).toThrow(
      /weights is undefined, but a tensor/,
    );
  });
});
