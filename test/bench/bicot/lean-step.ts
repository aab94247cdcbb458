import * as tf from '@tensorflow/tfjs';
import { embed, linear, rmsNorm, rotaryTables, tokenLogProbs } from 'bicot';
import { headLogProbs } from '../../../src/kernels/head-log-probs.js';
import { runBlocks } from '../../../src/models/backbone/blocks.js';
import { type Gradients, gradientAccumulator } from '../../../src/train/gradients.js';
import type { LeanModel, LeanSample } from './lean-model.js';

/** One way to compute the gradients of a step: by the names of the variables; the caller disposes them. */
export type LeanStep = (model: LeanModel, samples: readonly LeanSample[]) => Gradients;

/** All samples at once, everything kept for the backward pass, all logits. */
export const straightforward: LeanStep = (model, samples) =>
  gradientsOf(model, samples, samples.length, false);

/**
 * Sample by sample, block by block, and a head that never has all logits.
 * @param checkpointing which blocks are computed again, as in `runBlocks`
 */
export function memorySaving(checkpointing: boolean | number): LeanStep {
  return (model, samples) => {
    const accumulator = gradientAccumulator();
    for (const sample of samples) {
      accumulator.add(gradientsOf(model, [sample], samples.length, checkpointing));
    }
    return accumulator.take();
  };
}

function gradientsOf(
  model: LeanModel,
  part: readonly LeanSample[],
  count: number,
  checkpointing: boolean | number,
): Gradients {
  const { value, grads } = tf.variableGrads(
    () => tf.tidy(() => tf.div(stepLoss(model, part, checkpointing), count)) as tf.Scalar,
    [...model.variables],
  );
  value.dispose();
  return grads;
}

/** Policy gradient of both levels: the plan given the prompt, the image given both. Mean over tokens, sum over samples. */
function stepLoss(
  model: LeanModel,
  samples: readonly LeanSample[],
  checkpointing: boolean | number,
): tf.Tensor {
  const text = model.textHead.shape[1];
  const planned = samples.map(({ prompt, plan }) => ({ context: prompt, completion: plan }));
  const drawn = samples.map(({ prompt, plan, image }) => ({
    context: Int32Array.from([...prompt, ...plan]),
    completion: image.map((id) => id + text),
  }));
  const advantages = samples.map(({ advantage }) => advantage);
  const levels = [
    { rows: planned, head: model.textHead, first: 0 },
    { rows: drawn, head: model.imageHead, first: text },
  ];
  return levels
    .map(({ rows, head, first }) => {
      const hidden = predictingStates(model, rows, checkpointing); // [N·T, d]
      const targets = Int32Array.from(
        rows.flatMap(({ completion }) => [...completion.map((id) => id - first)]),
      );
      const logProbs = checkpointing
        ? headLogProbs(hidden, { weights: [head] }, targets)
        : tokenLogProbs(
            linear(hidden, head, { frozen: !(head instanceof tf.Variable) }),
            tf.tensor1d(targets, 'int32'),
          );
      const perSample = tf.mean(tf.reshape(logProbs, [rows.length, -1]), 1); // [N]
      return tf.neg(tf.sum(tf.mul(perSample, tf.tensor1d(advantages))));
    })
    .reduce((sum, loss) => tf.add(sum, loss));
}

interface Row {
  readonly context: Int32Array;
  readonly completion: Int32Array;
}

/** The normed stream where completions of equal length are predicted, after contexts of equal length. */
function predictingStates(
  { backbone, embedding }: LeanModel,
  rows: readonly Row[],
  checkpointing: boolean | number,
): tf.Tensor2D {
  const { context, completion } = rows[0] as Row;
  const length = context.length + completion.length - 1;
  const ids = rows.flatMap((row) => [...row.context, ...row.completion.slice(0, -1)]);
  const size = embedding.shape[1] / backbone.heads;
  const tables = rotaryTables(
    Array.from({ length }, (_, p) => p),
    size,
  );
  const inputs = embed(embedding, tf.tensor1d(ids, 'int32'));
  const stream = runBlocks(backbone, inputs, tables, { checkpointing });
  const places = rows.flatMap((_, row) =>
    Array.from(completion, (_, t) => row * length + context.length - 1 + t),
  );
  return rmsNorm(embed(stream, tf.tensor1d(places, 'int32')), backbone.finalNorm, backbone.rmsEpsilon);
}
