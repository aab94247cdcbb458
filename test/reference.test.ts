import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import {
  adamW,
  completionLogProbs,
  crossEntropy,
  groupAdvantages,
  grpoLoss,
  levelObjective,
  lossGradients,
  lossObjective,
  type Policy,
  t2iR1,
  tokenBatch,
  tokenWeights,
  updatePolicy,
} from 'bicot';
import {
  createTransformer,
  decodeSafetensors,
  type HostTensor,
  importWeights,
  type TransformerOptions,
  type TransformerPolicy,
} from 'bicot/models';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Rollout } from '../src/rollout/types.js';
import { levelBatches } from '../src/train/levels.js';
import { writtenByBicot } from './reference/written-by-bicot.js';
import { describeOnBackends } from './support/backends.js';

// Values that PyTorch (float64) and the official safetensors library computed: see test/reference/README.md.

const file = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)));
const json = <T>(name: string): T => JSON.parse(new TextDecoder().decode(file(name))) as T;
const tensors = (name: string) => decodeSafetensors(file(name), name).tensors;

/** Sequences of one space: `[N]` contexts and completions of many lengths. */
interface Sequences {
  readonly space: string;
  readonly contexts: number[][];
  readonly completions: number[][];
}

const TRANSFORMER = json<{
  config: TransformerOptions;
  loss: number;
  levels: (Sequences & { logits: number[][][]; tokenWeights: number[][] })[];
}>('transformer.json');

function loadTransformer(): TransformerPolicy {
  const model = createTransformer(TRANSFORMER.config);
  importWeights(model.variables, tensors('transformer-weights.safetensors'));
  return model;
}

const contextsOf = ({ contexts }: Sequences) => contexts.map((ids) => ({ ids: Int32Array.from(ids) }));

/** Rows of many lengths, right-padded with zeros. */
function padded(rows: number[][]): Float32Array {
  const width = Math.max(...rows.map((row) => row.length));
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, r) => void values.set(row, r * width));
  return values;
}

/** Every variable has the gradient that PyTorch found. */
async function expectGradients(
  gradients: Readonly<Record<string, tf.Tensor>>,
  expected: Readonly<Record<string, HostTensor>>,
): Promise<void> {
  expect(Object.keys(gradients).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { data, shape }] of Object.entries(expected)) {
    expect(gradients[name]?.shape, name).toEqual(shape);
    expect(await (gradients[name] as tf.Tensor).data(), name).toBeAllclose(data, 1e-5);
  }
}

describeOnBackends('the transformer equals PyTorch', () => {
  it('in its logits, at every valid position of a padded batch', async () => {
    const model = loadTransformer();
    for (const level of TRANSFORMER.levels) {
      const completion = tokenBatch(level.completions);
      const logits = model.logits(contextsOf(level), completion, level.space); // [N, T, V]
      const values = await logits.data();
      const [, width, vocabulary] = logits.shape;
      for (const [row, expected] of level.logits.entries()) {
        const start = row * width * vocabulary;
        const valid = values.subarray(start, start + expected.length * vocabulary);
        expect(valid, `${level.space}, row ${row}`).toBeAllclose(expected.flat(), 1e-5);
      }
      logits.dispose();
    }
    model.dispose();
  });

  it('in the gradient of every parameter', async () => {
    const model = loadTransformer();
    const { loss, gradients } = lossGradients(() => {
      const losses = TRANSFORMER.levels.map((level) => {
        const completion = tokenBatch(level.completions);
        const batch = { contexts: contextsOf(level), completion, space: level.space };
        const logProbs = completionLogProbs(model as Policy, batch); // [N, T]
        return crossEntropy(logProbs, tf.tensor2d(padded(level.tokenWeights), logProbs.shape));
      });
      return tf.addN(losses) as tf.Scalar;
    }, model.variables);
    expect(await loss.data()).toBeAllclose([TRANSFORMER.loss], 1e-5);
    await expectGradients(gradients, tensors('transformer-gradients.safetensors'));
    tf.dispose([loss, gradients as Record<string, tf.Tensor>]);
    model.dispose();
  });
});

describeOnBackends('adamW equals torch.optim.AdamW', () => {
  type Parameters = { matrix: number[][]; bias: number[] };
  const { runs } = json<{
    runs: {
      options: { beta1: number; beta2: number; epsilon: number; weightDecay: number };
      start: Parameters;
      steps: { learningRate: number; gradients: Parameters; parameters: Parameters }[];
    }[];
  }>('adamw.json');

  it.each(runs)('with $options, at every step', async ({ options, start, steps }) => {
    const variables = {
      matrix: tf.variable(tf.tensor2d(start.matrix)) as tf.Variable,
      bias: tf.variable(tf.tensor1d(start.bias)) as tf.Variable,
    };
    const optimizer = adamW(options);
    expect(steps).toHaveLength(12);
    for (const { learningRate, gradients, parameters } of steps) {
      const given = { matrix: tf.tensor2d(gradients.matrix), bias: tf.tensor1d(gradients.bias) };
      optimizer.update(variables, given, learningRate);
      tf.dispose(given);
      expect(await variables.matrix.data()).toBeAllclose(parameters.matrix.flat(), 1e-6);
      expect(await variables.bias.data()).toBeAllclose(parameters.bias, 1e-6);
    }
    optimizer.dispose();
    tf.dispose(variables);
  });
});

describeOnBackends('t2iR1 equals the objective of T2I-R1 by autograd', () => {
  const GRPO = json<{
    beta: number;
    groupSize: number;
    rewards: number[];
    advantages: number[];
    loss: number;
    levels: (Sequences & {
      name: string;
      logProbs: number[];
      referenceLogProbs: number[];
      gradient: number[];
    })[];
  }>('grpo-t2i-r1.json');
  const objective = t2iR1({ klWeight: GRPO.beta });
  let advantages: Float32Array;

  beforeAll(() => {
    advantages = groupAdvantages(GRPO.rewards, { groupSize: GRPO.groupSize }).advantages;
  });

  it('in the advantages', () => {
    expect(advantages).toBeAllclose(GRPO.advantages, 1e-6);
  });

  it('in the loss and the gradient of the log-probs, whatever stands in the padding', async () => {
    const levels = GRPO.levels.map((level) => ({
      ...level,
      own: levelObjective(objective, level.name),
      completion: tokenBatch(level.completions),
    }));
    const weights = tokenWeights(
      levels.map(({ own, completion }) => ({ ...completion, ...own })),
      { joint: objective.joint },
    );
    const { value, grads } = tf.valueAndGrads((...logProbs: tf.Tensor[]) =>
      grpoLoss(
        levels.map(({ own, completion: { rows, width }, referenceLogProbs }, i) => ({
          input: {
            logProbs: logProbs[i] as tf.Tensor2D,
            referenceLogProbs: tf.tensor2d(referenceLogProbs, [rows, width]),
            advantages: tf.tensor1d(advantages),
            weights: tf.tensor2d(weights[i] as Float32Array, [rows, width]),
          },
          objective: lossObjective(own),
        })),
      ),
    )(levels.map(({ logProbs, completion: { rows, width } }) => tf.tensor2d(logProbs, [rows, width])));
    expect(await value.data()).toBeAllclose([GRPO.loss], 1e-5);
    for (const [i, gradient] of grads.entries()) {
      expect(await gradient.data()).toBeAllclose(GRPO.levels[i]?.gradient as number[], 1e-5);
    }
  });

  it.each([1, 4])('in the gradients of a model updated with micro-batches of %i', async (microBatch) => {
    const model = loadTransformer();
    const rollout: Rollout = {
      prompts: [0, 1],
      groupSize: GRPO.groupSize,
      samples: [],
      levels: GRPO.levels.map((level) => {
        const completion = tokenBatch(level.completions);
        return {
          name: level.name,
          space: level.space,
          policy: model as Policy<unknown>,
          contexts: contextsOf(level),
          completion,
          behaviourLogProbs: Float32Array.from(level.logProbs),
          entropy: new Float32Array(level.logProbs.length),
          sampling: {},
          samplesPerRow: 1,
        };
      }),
    };
    const levels = levelBatches(model as Policy<unknown>, rollout, advantages, objective).map((batch, i) => ({
      ...batch,
      referenceLogProbs: Float32Array.from(GRPO.levels[i]?.referenceLogProbs as number[]),
    }));
    // With beta1 0 the first moment is the gradient itself; with a learning rate of 0 nothing moves.
    const optimizer = adamW({ beta1: 0 });
    const result = await updatePolicy(model as Policy<unknown>, levels, {
      optimizer,
      learningRate: 0,
      maxGradNorm: Number.POSITIVE_INFINITY,
      microBatch,
      where: 'reference',
    });
    expect([result.loss]).toBeAllclose([GRPO.loss], 1e-5);
    const moments = Object.entries(optimizer.state())
      .filter(([key]) => key.startsWith('mean/'))
      .map(([key, moment]) => [key.slice('mean/'.length), moment] as const);
    await expectGradients(Object.fromEntries(moments), tensors('grpo-gradients.safetensors'));
    optimizer.dispose();
    model.dispose();
  });
});

describe('safetensors', () => {
  it('reads what the official library wrote, in every number format', () => {
    const read = decodeSafetensors(file('official.safetensors'));
    const expected = json<{
      metadata: Record<string, string>;
      tensors: Record<string, { shape: number[]; values: number[] }>;
    }>('official.json');
    expect(read.metadata).toEqual(expected.metadata);
    expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(expected.tensors).sort());
    for (const [name, { shape, values }] of Object.entries(expected.tensors)) {
      expect(read.tensors[name]?.shape, name).toEqual(shape);
      expect([...(read.tensors[name] as HostTensor).data], name).toEqual(values);
    }
  });

  it('writes the bytes that the official library was shown to read', () => {
    expect(writtenByBicot()).toEqual(new Uint8Array(file('bicot.safetensors')));
  });
});
