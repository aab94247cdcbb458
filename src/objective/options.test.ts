/** No option is silently ignored: each is refused where it makes no sense, and changes something where it does. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import fixture from '../../test/fixtures/grpo-ordinary.json';
import { tabularPolicy } from '../../test/support/tabular-policy.js';
import type { Rollout } from '../rollout/types.js';
import { levelBatches } from '../train/levels.js';
import { groupAdvantages } from './advantages.js';
import { adaptiveEntropy, adaptiveKl } from './coefficient.js';
import { combineRewards } from './combine.js';
import { type LevelLossInput, levelLoss } from './loss.js';
import { LEVEL_SETTINGS, type LevelObjective, levelObjective, type Objective } from './objective.js';
import { balanced, grpo, type ObjectiveOptions } from './presets.js';
import { clipped, unclipped } from './surrogates/clipped.js';
import { clippedWeight } from './surrogates/clipped-weight.js';
import { softGate } from './surrogates/soft-gate.js';

type Wrong = Partial<Record<keyof ObjectiveOptions, unknown>>;

/** For every option of a preset: values that make no sense, and what is said of them. */
const WRONG: Required<Record<keyof ObjectiveOptions, readonly [value: unknown, message: RegExp][]>> = {
  name: [],
  weight: [
    [-1, /weight is -1, but must be finite and not negative/],
    [Number.NaN, /weight is NaN/],
    [Number.POSITIVE_INFINITY, /weight is Infinity/],
    ['1', /weight is 1/],
  ],
  normalizer: [
    ['mean', /normalizer is "mean"; use 'token-mean', 'sequence-mean'/],
    [{ maxLength: 0 }, /normalizer is/],
    [{ maxLength: 3, max: 3 }, /no option 'max'/],
    [null, /normalizer is null/],
  ],
  ratio: [['row', /ratio is "row"; use 'token' .* 'sequence'/]],
  surrogate: [
    ['ppo', /surrogate is "ppo", but must be an object with a function loss/],
    [null, /surrogate is null/],
  ],
  klWeight: [
    [-0.1, /klWeight is -0.1, but must be finite and not negative, or an adaptive coefficient/],
    [Number.NaN, /klWeight is NaN/],
    ['0.1', /klWeight is 0.1/],
    [{ initial: -1, next: () => 0 }, /klWeight.initial is -1/],
  ],
  klEstimator: [['k4', /klEstimator is "k4"; use 'k3'/]],
  klImportance: [['yes', /klImportance is yes, but must be true or false/]],
  entropyWeight: [[-1, /entropyWeight is -1/]],
  topEntropyShare: [
    [0, /topEntropyShare is 0, but must be above 0 and at most 1/],
    [1.5, /topEntropyShare is 1.5/],
  ],
  importance: [
    [{ level: 'row', mode: 'mask', max: 3 }, /level "row".*use level 'token' or 'sequence'/],
    [{ level: 'token', mode: 'clip', max: 3 }, /mode "clip"/],
    [{ level: 'token', mode: 'mask', max: 0 }, /importance.max is 0/],
    [{ level: 'token', mode: 'mask', max: 2, min: 3 }, /importance.min is 3, above/],
    [{ level: 'token', mode: 'mask', max: 2, cap: 3 }, /no option 'cap'/],
  ],
  offPolicyThreshold: [
    [-1, /offPolicyThreshold is -1/],
    ['0.1', /offPolicyThreshold is 0.1, but must be finite and not negative/],
  ],
  scale: [['std', /scale is "std"; use 'group', 'batch' or 'none'/]],
  epsilon: [
    [-1e-4, /epsilon is -0.0001/],
    [Number.NaN, /epsilon is NaN/],
  ],
  baseline: [['median', /baseline is "median"; use 'mean' .* 'leave-one-out'/]],
  advantageClip: [[0, /clip of the advantages is 0/]],
  zeroVariance: [
    ['skip', /zeroVariance is "skip"; use 'keep', 'drop' or/],
    [{ resample: 0 }, /zeroVariance is/],
    [{ resample: 1.5 }, /zeroVariance is/],
    [null, /zeroVariance is null/],
  ],
  zeroVarianceKl: [['no', /zeroVarianceKl is no, but must be true or false/]],
  joint: [[true, /joint is one token mean .* normalizer must be 'token-mean'/]],
  levels: [
    [{ token: { clip: 0.2 } }, /level 'token': there is no option 'clip'/],
    [{ token: 3 }, /level 'token': options are 3, but must be an object/],
    [[], /levels: options are \[\], but must be an object/],
  ],
};

/** Pairs that cannot go together, or of which one would do nothing. */
const INCOMPATIBLE: readonly [options: Wrong, message: RegExp][] = [
  [{ klWeight: 0, klEstimator: 'k2' }, /klEstimator would do nothing, as klWeight is 0 at every level/],
  [{ klWeight: 0, klImportance: true }, /klImportance would do nothing/],
  [{ klWeight: 0, zeroVarianceKl: false }, /zeroVarianceKl would do nothing/],
  [
    { levels: { token: { klWeight: 0, klEstimator: 'k1' } } },
    /klEstimator of level 'token' would do nothing/,
  ],
  [{ scale: 'none', epsilon: 1e-6 }, /epsilon would do nothing, as scale is 'none'/],
  [
    { zeroVariance: 'drop', zeroVarianceKl: false },
    /zeroVarianceKl is false, but groups without spread are not kept/,
  ],
  [{ zeroVariance: { resample: 2 }, zeroVarianceKl: false }, /zeroVarianceKl is false/],
  [
    { ratio: 'sequence', surrogate: { name: 'own', ownRatio: true, loss: () => tf.scalar(0) } },
    /surrogate 'own' makes its own ratio, so ratio 'sequence' would do nothing/,
  ],
  [{ joint: true, levels: { token: { normalizer: 'max-length' } } }, /joint/],
  [{ clip: 0.2 } as Wrong, /grpo: there is no option 'clip'; the options are 'weight'/],
];

describe('options of an objective', () => {
  it('that make no sense are refused with the reason, at the top and at a level', () => {
    for (const [option, cases] of Object.entries(WRONG)) {
      for (const [value, message] of cases) {
        const wrong = { [option]: value } as ObjectiveOptions;
        expect(() => grpo(wrong), `${option}: ${JSON.stringify(value)}`).toThrow(message);
        if (!LEVEL_SETTINGS.includes(option)) continue;
        expect(() => grpo({ levels: { token: wrong } }), `level, ${option}`).toThrow(message);
        // Made by hand, not by a preset.
        const byHand = { ...grpo(), levels: { token: wrong } } as Objective;
        expect(() => levelObjective(byHand, 'token'), `by hand, ${option}`).toThrow(message);
      }
    }
  });

  it('that do not go together are refused with the reason', () => {
    for (const [options, message] of INCOMPATIBLE) {
      expect(() => grpo(options as ObjectiveOptions), JSON.stringify(options)).toThrow(message);
    }
  });

  it('are all known to this test', () => {
    const { level, advantages, ...rest } = grpo({ levels: {} });
    const names = [...Object.keys(level), ...Object.keys(rest), ...Object.keys(advantages)];
    const renamed = names.filter((name) => name !== 'clip').concat('advantageClip');
    expect(Object.keys(WRONG).sort()).toEqual(renamed.sort());
    expect([...LEVEL_SETTINGS].sort()).toEqual(Object.keys(level).sort());
  });

  it('of the surrogates and coefficients are refused too', () => {
    for (const [make, message] of [
      [() => clipped({ low: -0.1, high: 0.2 }), /0 ≤ low ≤ 1/],
      [() => clipped({ low: 0.2, high: 0.2, delta: 0 }), /delta > 0/],
      [() => clipped({ low: 0.2, high: 0.2, dela: 3 } as never), /no option 'dela'/],
      [() => clippedWeight({ max: 0 }), /max is 0, but must be finite and above 0/],
      [() => clippedWeight({ min: 2, max: 1 }), /0 ≤ min ≤ max/],
      [() => clippedWeight({ high: 1 } as never), /no option 'high'/],
      [() => softGate({ positive: 0 }), /positive is 0/],
      [() => softGate({ negative: Number.NaN }), /negative is NaN/],
      [() => adaptiveKl({ initial: 0, target: 1 }), /initial is 0/],
      [() => adaptiveKl({ initial: 1, target: -1 }), /target is -1/],
      [() => adaptiveKl({ initial: 1, target: 1, horizon: 0 }), /horizon is 0/],
      [() => adaptiveEntropy({ target: 0 }), /target is 0/],
      [
        () => adaptiveEntropy({ target: 1, min: 0.5, max: 0.1 }),
        /max is 0.1, but must be finite and at least min/,
      ],
      [() => adaptiveEntropy({ target: 1, initial: 3 }), /initial is 3, but must be within/],
      [() => groupAdvantages([1, 2], { groupSize: 2, clip: -1 }), /clip of the advantages is -1/],
    ] as const) {
      expect(make).toThrow(message);
    }
    expect(() => grpo(3 as never)).toThrow(/options are 3, but must be an object/);
    expect(() => groupAdvantages(['a', 'b'] as never, { groupSize: 2 })).toThrow(
      /a at position 0 is no number/,
    );
    const table = { names: ['a'], values: Float64Array.of(1, 2), rows: 2 };
    for (const [wrong, message] of [
      [{ aggregation: 'sum' }, /aggregation is "sum"; use 'sum-then-normalize'/],
      [{ abstention: 'mean' }, /abstention is "mean"; use 'neutral' or 'zero'/],
    ] as const) {
      expect(() => combineRewards(table, { groupSize: 2, ...wrong } as never)).toThrow(message);
    }
    const options = { groupSize: 2, aggregation: 'normalize-then-sum', baseline: 'leave-one-out' } as const;
    expect(() => combineRewards(table, options)).toThrow(/baseline 'leave-one-out' would do nothing/);
  });
});

/** A batch on which every option shows: off-policy, of different lengths, and one group without spread. */
const { logp, old, ref, sampling, entropy, mask } = fixture.inputs;
const REWARDS = [0.2, 1, 0.4, 0.9, 0.5, 0.5, 0.5, 0.5];
const WIDTH = 7;
const matrix = (values: number[][]) => tf.tensor2d(values.map((row) => row.slice(0, WIDTH)));

/** Loss and gradient of an objective, as training puts them together. */
async function outcome(options: ObjectiveOptions): Promise<number[]> {
  const objective = balanced({ surrogate: clipped(), klWeight: 0.1, ...options });
  const policy = tabularPolicy();
  const { scale, epsilon, baseline, clip } = objective.advantages;
  const { advantages, flat } = groupAdvantages(REWARDS, { groupSize: 4, scale, epsilon, baseline, clip });
  const lengths = Int32Array.from(mask, (row) => row.reduce((sum, value) => sum + value, 0));
  const level = (name: string) => ({
    ...{ name, space: 'text', policy, contexts: [], sampling: { maxTokens: 9 }, samplesPerRow: 1 },
    completion: { ids: new Int32Array(8 * WIDTH), lengths, rows: 8, width: WIDTH },
    behaviourLogProbs: Float32Array.from(sampling.flat()),
    entropy: Float32Array.from(entropy.flat()),
  });
  const rollout = {
    ...{ prompts: ['a', 'b'], groupSize: 4, samples: [] },
    // A longer plan beside it, for the joint mean.
    levels: [
      level('token'),
      { ...level('semantic'), completion: { ...level('').completion, lengths: new Int32Array(8).fill(7) } },
    ],
  } as unknown as Rollout<unknown, never>;
  const [batch] = levelBatches(policy as never, rollout, advantages, objective, { flat });
  if (!batch) throw new Error('no batch');
  const tensor = (values: Float32Array | undefined) => values && tf.tensor2d(values, [8, WIDTH]);
  const input: LevelLossInput = {
    logProbs: matrix(logp),
    oldLogProbs: matrix(old),
    behaviourLogProbs: matrix(sampling),
    referenceLogProbs: matrix(ref),
    entropy: matrix(entropy),
    advantages: tf.tensor1d(advantages),
    weights: tensor(batch.weights) as tf.Tensor2D,
    policyFactor: tensor(batch.policyFactor),
    klWeights: tensor(batch.klWeights),
    entropyWeights: tensor(batch.entropyWeights),
  };
  const { value, grad } = tf.valueAndGrad((x) =>
    levelLoss({ ...input, logProbs: x as tf.Tensor2D }, batch.loss),
  )(input.logProbs);
  policy.dispose();
  return [...(await value.data()), ...(await grad.data())];
}

describe('every option that is accepted changes loss or gradient', () => {
  const CHANGES: Partial<Record<keyof ObjectiveOptions, readonly unknown[]>> = {
    weight: [2],
    normalizer: ['sequence-mean', 'sequence-sum', 'max-length', { maxLength: 20 }],
    ratio: ['sequence'],
    surrogate: [
      unclipped(),
      clipped({ low: 0.2, high: 0.28 }),
      clipped({ low: 0.2, high: 0.2, delta: 1.3 }),
      clippedWeight(),
      softGate(),
    ],
    klWeight: [0, 0.2, adaptiveKl({ initial: 0.3, target: 1 })],
    klEstimator: ['k1', 'k2', 'abs', 'k1+', 'k3+', 'abs+'],
    klImportance: [true],
    entropyWeight: [0.1],
    topEntropyShare: [0.35],
    importance: [
      { level: 'token', mode: 'truncate', max: 1.02 },
      { level: 'token', mode: 'mask', max: 1.02 },
      { level: 'sequence', mode: 'truncate', max: 1.2 },
      { level: 'sequence', mode: 'mask', max: 1.2, min: 0.9 },
    ],
    offPolicyThreshold: [0],
    scale: ['batch', 'none'],
    epsilon: [0.1],
    baseline: ['leave-one-out'],
    advantageClip: [0.5],
    zeroVarianceKl: [false],
    joint: [true],
    levels: [{ token: { weight: 3 } }],
  };
  // `name` is for logs; `zeroVariance` chooses rows before the loss: src/train/collect.test.ts.
  it('and none is left out of this test', () => {
    expect([...Object.keys(CHANGES), 'name', 'zeroVariance'].sort()).toEqual(Object.keys(WRONG).sort());
  });

  for (const [option, values] of Object.entries(CHANGES)) {
    it(option, async () => {
      const results = [await outcome({})];
      for (const value of values) results.push(await outcome({ [option]: value }));
      for (const result of results) expect(result.every(Number.isFinite)).toBe(true);
      const different = new Set(results.map((result) => result.map((x) => x.toPrecision(5)).join()));
      expect(different.size).toBe(results.length);
    });
  }

  it("ratio 'sequence-token', where the tokens of a row do not all count the same", async () => {
    const some = { topEntropyShare: 0.35 };
    const results = [
      await outcome(some),
      await outcome({ ...some, ratio: 'sequence' }),
      await outcome({ ...some, ratio: 'sequence-token' }),
    ];
    expect(new Set(results.map(String)).size).toBe(3);
  });

  it('also as a level of its own', async () => {
    const common = await outcome({});
    const own = (level: Partial<LevelObjective>) => outcome({ levels: { token: level } });
    expect(await own({ klWeight: 0.2 })).not.toEqual(common);
    expect(await own({ surrogate: unclipped() })).not.toEqual(common);
    expect(await outcome({ levels: { semantic: { klWeight: 0.2 } } })).toEqual(common);
  });
});
