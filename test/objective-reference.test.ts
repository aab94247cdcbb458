/** The GRPO family equals TRL's and PyTorch's own numbers: see test/reference/README.md. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import {
  type AdvantageScale,
  clipped,
  clippedWeight,
  combineRewards,
  groupAdvantages,
  type ImportanceCorrection,
  importanceWeights,
  type KlKind,
  kl,
  type LossObjective,
  levelLoss,
  levelStats,
  type Normalizer,
  type RewardAggregation,
  tokenWeights,
} from 'bicot';
import { describe, expect, it } from 'vitest';
import { divergenceBounded } from '../examples/objectives/dppo.js';
import { luspo } from '../examples/objectives/luspo.js';
import {
  type CheckedCase,
  checkReferenceFile,
  type ReferenceCase,
  type ReferenceFile,
  type ReferenceInputs,
} from './reference/cases.js';
import { describeOnBackends } from './support/backends.js';

const json = <T>(name: string): T =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)), 'utf8')) as T;
const TOLERANCE = 1e-5;
type Numbers = readonly (readonly number[])[];

/** Files of TRL's losses, how many cases of each bicot must agree with, and what it leaves out. */
const FILES: readonly [name: string, cases: number, skipped: RegExp][] = [
  ['grpo-losses.json', 38, /^verl \(33 losses\)$/],
  ['grpo-ordinary.json', 107, /^(vespo\/.*vllm|gmpo\/top-entropy)/],
  ['grpo-extreme.json', 53, /^(vespo\/.*vllm|gmpo\/top-entropy)/],
];

describeOnBackends("the objectives equal TRL's", () => {
  for (const [name, cases, skipped] of FILES) {
    it(`in loss and gradient, in every case of ${name}`, async () => {
      const before = tf.memory().numTensors;
      const results = await checkReferenceFile(json<ReferenceFile>(name));
      expect(tf.memory().numTensors).toBe(before);
      const left = results.filter((result) => 'skipped' in result);
      for (const result of left) expect(result.name).toMatch(skipped);
      const checked = results.filter((result): result is CheckedCase => !('skipped' in result));
      expect(checked).toHaveLength(cases);
      for (const { name: what, loss, gradient = 0 } of checked) {
        expect(loss, `${what}: loss`).toBeLessThanOrEqual(TOLERANCE);
        expect(gradient, `${what}: gradient`).toBeLessThanOrEqual(TOLERANCE);
      }
    });
  }

  it('and a wrong value is found', async () => {
    const file = json<ReferenceFile>('grpo-losses.json');
    const { grpo } = file.trl as NonNullable<ReferenceFile['trl']>;
    const wrong = structuredClone(grpo) as unknown as { loss: number; grad: number[][] };
    wrong.loss *= 1 + 1e-4;
    (wrong.grad[1] as number[])[0] = ((wrong.grad[1] as number[])[0] as number) + 1e-5;
    const [result] = await checkReferenceFile({
      inputs: file.inputs,
      trl: { wrong: wrong as unknown as ReferenceCase },
    });
    expect(result).toMatchObject({ name: 'wrong' });
    expect((result as { loss: number }).loss).toBeGreaterThan(TOLERANCE);
    expect((result as { gradient: number }).gradient).toBeGreaterThan(TOLERANCE);
  });
});

interface PolicyLosses {
  readonly inputs: ReferenceInputs;
  readonly cases: Readonly<
    Record<
      string,
      {
        readonly loss_type: string;
        readonly loss: number;
        readonly grad: Numbers;
        readonly normalizer: Normalizer;
        readonly options: Readonly<Record<string, number | string>>;
      }
    >
  >;
}

/** verl's and LUSPO's losses, as bicot says them. */
function objectiveOf(loss: string, options: Readonly<Record<string, number | string>>): LossObjective {
  const number = (name: string, otherwise: number) => (options[name] as number | undefined) ?? otherwise;
  const low = number('epsilon', 0.2);
  const high = number('epsilon_high', low);
  if (loss.startsWith('dppo')) {
    const divergence = loss === 'dppo_kl' ? 'kl' : 'tv';
    const surrogate = divergenceBounded({ divergence, low, high, max: number('cap', 20) });
    return { surrogate, klWeight: number('beta', 0) };
  }
  if (loss === 'cispo') {
    const surrogate = clippedWeight({ min: 1 - low, max: 1 + high });
    return { surrogate, klWeight: number('beta', 0) };
  }
  const ratio = options.lvl === 'sequence' ? 'sequence' : 'token';
  const delta = options.clip_ratio_c as number | undefined;
  return { ratio, surrogate: clipped({ low, high, delta }), klWeight: number('beta', 0) };
}

describeOnBackends("what TRL lacks equals PyTorch's transcription", () => {
  const { inputs, cases } = json<PolicyLosses>('policy-losses.json');
  const width = inputs.logp[0]?.length as number;
  const lengths = Int32Array.from(inputs.mask, (row) => row.reduce((sum, value) => sum + value, 0));
  it.each(Object.entries(cases))('%s', async (_, { loss_type, options, normalizer, loss, grad }) => {
    const [weights] = tokenWeights([{ lengths, width, mask: inputs.mask.flat(), normalizer }]);
    const matrix = (values: Numbers) => tf.tensor2d(values as number[][]);
    const { value, grad: gradient } = tf.valueAndGrad((logProbs) =>
      levelLoss(
        {
          logProbs: logProbs as tf.Tensor2D,
          oldLogProbs: matrix(inputs.old),
          referenceLogProbs: matrix(inputs.ref as Numbers),
          advantages: tf.tensor1d(inputs.adv as number[]),
          weights: tf.tensor2d(weights as Float32Array, [lengths.length, width]),
        },
        objectiveOf(loss_type, options),
      ),
    )(matrix(inputs.logp));
    const expected = grad.flat();
    // As in reference/cases.ts: where terms cancel, float32 leaves some of their sizes.
    const terms = (weights as Float32Array).reduce(
      (sum, w, i) => sum + w * Math.abs(inputs.adv[Math.floor(i / width)] as number),
      0,
    );
    const magnitude = Math.max(Math.abs(loss), 0.02 * terms);
    expect(Math.abs(((await value.data())[0] as number) - loss) / magnitude).toBeLessThanOrEqual(TOLERANCE);
    expect(await gradient.data()).toBeAllclose(expected, TOLERANCE);
  });

  it('and LUSPO is a normaliser', () => {
    expect(luspo().level).toMatchObject({ ratio: 'sequence', normalizer: 'sequence-sum' });
  });
});

describeOnBackends("the KL estimators equal PyTorch's", () => {
  const { inputs, kinds } = json<{
    inputs: { logp: number[]; ref: number[] };
    kinds: Record<KlKind, { value: number[]; grad: number[] }>;
  }>('kl.json');
  it.each(Object.entries(kinds))('%s: value and gradient, from Δ = −25 to 25', async (kind, expected) => {
    const reference = tf.tensor1d(inputs.ref);
    const { value, grad } = tf.valueAndGrad((x) => tf.sum(kl(kind as KlKind, x as tf.Tensor1D, reference)))(
      tf.tensor1d(inputs.logp),
    );
    const values = kl(kind as KlKind, tf.tensor1d(inputs.logp), reference);
    expect(Object.keys(kinds)).toHaveLength(7);
    // k3 spans nine orders of magnitude: each entry by itself.
    const near = async (received: tf.Tensor, wanted: readonly number[]) => {
      (await received.data()).forEach((x, i) => {
        const exact = wanted[i] as number;
        expect(
          Math.abs(x - exact),
          `Δ = ${(inputs.ref[i] as number) - (inputs.logp[i] as number)}`,
        ).toBeLessThanOrEqual(2e-5 * Math.abs(exact) + 1e-12);
      });
    };
    await near(values, expected.value);
    await near(grad, expected.grad);
    value.dispose();
  });
});

describeOnBackends("importance weights equal TRL's", () => {
  const { inputs, cases } = json<{
    inputs: { old: Numbers; sampling: Numbers; mask: Numbers };
    cases: Record<string, { mode: string; clip_max: number; clip_min: number | null; ratio: Numbers }>;
  }>('importance.json');
  it.each(Object.entries(cases))('%s', async (_, { mode, clip_max: max, clip_min: min, ratio }) => {
    const [level, way] = mode.split('_') as ['token' | 'sequence', 'truncate' | 'mask'];
    const correction: ImportanceCorrection = { level, mode: way, max, ...(min !== null && { min }) };
    const matrix = (values: Numbers) => tf.tensor2d(values as number[][]);
    const weights = importanceWeights(
      matrix(inputs.old),
      matrix(inputs.sampling),
      matrix(inputs.mask),
      correction,
    );
    const [, width] = weights.shape;
    const expected = ratio.flatMap((row) => (row.length === 1 ? new Array(width).fill(row[0]) : [...row]));
    expect(await weights.data()).toBeAllclose(expected, TOLERANCE);
  });
});

describe("advantages equal TRL's", () => {
  const { cases, eps } = json<{
    eps: number;
    cases: {
      name: string;
      rewards_per_func: (number | null)[][];
      weights: number[];
      G: number;
      aggregation: string;
      scale: AdvantageScale | null;
      advantages: number[];
    }[];
  }>('advantages.json');
  it.each(cases)('$name', ({ rewards_per_func, weights, G, aggregation, scale, advantages }) => {
    const table = {
      names: weights.map((_, k) => `reward ${k}`),
      values: Float64Array.from(rewards_per_func.flat(), (value) => value ?? Number.NaN),
      rows: rewards_per_func.length,
    };
    const options = { weights, groupSize: G, abstention: 'zero', epsilon: eps } as const;
    const combined =
      aggregation === 'rloo'
        ? combineRewards(table, { ...options, scale: 'none', baseline: 'leave-one-out' })
        : combineRewards(table, {
            ...options,
            aggregation: aggregation.replaceAll('_', '-') as RewardAggregation,
            scale: scale ?? 'group',
          });
    expect(combined.advantages).toBeAllclose(advantages, TOLERANCE);
    if (aggregation === 'sum_then_normalize' && scale === 'group') {
      expect(groupAdvantages(combined.total, { groupSize: G, epsilon: eps }).advantages).toEqual(
        combined.advantages,
      );
    }
  });
});

describe("metrics equal TRL's", () => {
  const file = json<ReferenceFile & { trl: Record<string, { metrics: Record<string, number> }> }>(
    'grpo-ordinary.json',
  );
  const { inputs } = file;
  const [first] = inputs.logp;
  const flat = (values: Numbers) => values.flat();
  it.each(['grpo', 'grpo/clip-higher', 'dapo/beta'])('of %s', (name) => {
    const { options, metrics } = file.trl[name] as (typeof file.trl)[string] & {
      options: Record<string, number>;
    };
    const low = options.epsilon ?? 0.2;
    const stats = levelStats(
      {
        logProbs: flat(inputs.logp),
        oldLogProbs: flat(inputs.old),
        referenceLogProbs: flat(inputs.ref as Numbers),
        advantages: inputs.adv,
        lengths: Int32Array.from(inputs.mask, (row) => row.reduce((sum, value) => sum + value, 0)),
        width: (first as readonly number[]).length,
      },
      { surrogate: clipped({ low, high: options.epsilon_high ?? low }) },
    );
    expect(stats.clipFraction).toBeCloseTo(metrics['clip_ratio/region_mean'] as number, 6);
    if (metrics.kl !== undefined) expect(stats.kl).toBeCloseTo(metrics.kl, 6);
  });
});
