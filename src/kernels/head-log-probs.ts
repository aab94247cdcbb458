import * as tf from '@tensorflow/tfjs';
import { backendTraits } from '../backends/traits.js';
import { BicotError } from '../errors.js';
import { assertNumber, POSITIVE, POSITIVE_INTEGER } from '../options.js';
import { assertLength, assertShape } from '../tensor/shape.js';
import { withGradient } from './custom-gradient.js';
import { type HeadChunk, type HeadPlan, headGradients, headStatistics } from './head-pieces.js';

/** The matrix from hidden states to logits, `[d, V]`, whole or cut into columns. */
export interface OutputHead {
  /** `[d, cᵢ]` each, V = Σ cᵢ; variables are trained, other tensors are frozen. */
  readonly weights: readonly tf.Tensor2D[];
  /** `[cᵢ]` each. */
  readonly biases?: readonly tf.Tensor1D[];
}

/** How `headLogProbs` computes. */
export interface HeadLogProbsOptions {
  /** Logits are divided by it; default 1. */
  readonly temperature?: number;
  /** Positions whose logits are there at once; default as many as `LOGITS_BYTES` hold, or a tensor of the backend if that is less. */
  readonly rows?: number;
  /** Tensors of the head that get gradients, each of any shape; default its variables. */
  readonly trained?: readonly tf.Tensor[];
}

/** Bytes of a tensor of logits: 64 MiB, 163 positions of a vocabulary of 102,400. */
export const LOGITS_BYTES = 64 * 2 ** 20;

/**
 * `tokenLogProbs(hidden · head / temperature, targets)` without all logits at once, for vocabularies so large that
 * `[M, V]` does not fit. Some positions are computed at a time, over the columns of one weight at a time; the backward
 * pass computes the logits once more. Kept are the hidden states and one number a position; only logits that are a single
 * such piece are kept as they are, since computing them again would save little.
 *
 * Rows are cut and columns are not: few positions need few logits however large the vocabulary, while a slice of a
 * frozen weight would be a copy of it. A head whose weights must be in pieces anyway is given as those.
 *
 * Of tensors as large as the logits of `rows` positions there are two at once with fused kernels, and four with stock
 * operations.
 * @param hidden `[M, d]`; gets a gradient, as the trained tensors of the head do
 * @param targets `[M]`, each in `[0, V)`; a tensor is int32 and is not checked
 * @returns `[M]`; the caller disposes it
 * @throws BicotError `shape`, `value`, or `token-range` for a target that is not in the vocabulary
 */
export function headLogProbs(
  hidden: tf.Tensor2D,
  { weights, biases }: OutputHead,
  targets: Int32Array | tf.Tensor1D,
  options: HeadLogProbsOptions = {},
): tf.Tensor1D {
  const positions = checkHead(hidden, { weights, biases });
  const head: readonly tf.Tensor[] = [...weights, ...(biases ?? [])];
  const { temperature = 1, rows = defaultRows(weights), trained = head.filter(isVariable) } = options;
  checkOptions(head, { temperature, rows, trained });
  checkTargets(targets, positions, widthOf(weights));
  const trains = (tensor: tf.Tensor): boolean => trained.includes(tensor);
  const planOf = (tensors: readonly tf.Tensor[]): HeadPlan => ({
    chunks: chunksOf(weights.length, tensors, head.map(trains)),
    temperature,
    rows,
  });
  return tf.tidy(() => {
    const ids = targets instanceof Int32Array ? tf.tensor1d(targets, 'int32') : targets;
    return withGradient<tf.Tensor1D>(
      [hidden, ...head.filter(trains)],
      () => {
        const made = headStatistics(hidden, ids, planOf(head));
        const kept = made.logits ? [made.logits] : [];
        // The head is saved too: its clones cost nothing, and a tidy may dispose it before the backward pass.
        return { value: made.logProbs, saved: [hidden, ids, made.normalizers, ...head, ...kept] };
      },
      (dy, saved) => {
        const [hidden, targets, normalizers] = saved as [tf.Tensor2D, tf.Tensor1D, tf.Tensor1D];
        const [tensors, [logits]] = [saved.slice(3, 3 + head.length), saved.slice(3 + head.length)];
        const rows = { hidden, targets, normalizers, dy, logits: logits as tf.Tensor2D | undefined };
        const made = headGradients(rows, planOf(tensors));
        return [made.hidden, ...made.weights, ...made.biases].filter((gradient) => gradient !== undefined);
      },
    );
  });
}

/** Tensors of weights, then of biases, as chunks. */
function chunksOf(count: number, tensors: readonly tf.Tensor[], trains: readonly boolean[]): HeadChunk[] {
  let offset = 0;
  return tensors.slice(0, count).map((tensor, c) => {
    const weight = tensor as tf.Tensor2D;
    const begin = offset;
    offset += weight.shape[1];
    const bias = tensors[count + c] as tf.Tensor1D | undefined;
    return {
      weight,
      offset: begin,
      trainsWeight: trains[c] as boolean,
      trainsBias: trains[count + c] ?? false,
      ...(bias ? { bias } : {}),
    };
  });
}

const widthOf = (weights: readonly tf.Tensor2D[]): number =>
  weights.reduce((sum, { shape }) => sum + shape[1], 0);

function defaultRows(weights: readonly tf.Tensor2D[]): number {
  const widest = Math.max(...weights.map(({ shape }) => shape[1]));
  return Math.max(1, Math.floor(Math.min(LOGITS_BYTES, backendTraits().tensorBytes) / (4 * widest)));
}

const isVariable = (tensor: tf.Tensor): boolean => tensor instanceof tf.Variable;

/** M, after the shapes were checked. */
function checkHead(hidden: tf.Tensor2D, { weights, biases }: OutputHead): number {
  assertShape('headLogProbs: hidden', hidden, [null, null], '[M, d]');
  if (hidden.size === 0) {
    throw new BicotError(
      'shape',
      `headLogProbs: hidden has shape [${hidden.shape}]; give at least one position.`,
    );
  }
  if (weights.length === 0)
    throw new BicotError('value', 'headLogProbs: the head has no weights; give at least one.');
  if (biases) assertLength('headLogProbs: biases', biases, weights.length, 'one a weight');
  weights.forEach((weight, i) => {
    assertShape(`headLogProbs: weight ${i}`, weight, [hidden.shape[1], null], '[d, c]');
    if (biases) assertShape(`headLogProbs: bias ${i}`, biases[i] as tf.Tensor1D, [weight.shape[1]], '[c]');
  });
  return hidden.shape[0];
}

function checkOptions(
  head: readonly tf.Tensor[],
  { temperature, rows, trained }: Required<HeadLogProbsOptions>,
): void {
  assertNumber('headLogProbs', 'temperature', temperature, POSITIVE);
  assertNumber('headLogProbs', 'rows', rows, POSITIVE_INTEGER);
  if (trained.some((tensor) => !head.includes(tensor))) {
    throw new BicotError(
      'value',
      'headLogProbs: trained lists a tensor that is no weight or bias of the head. List those of the head only.',
    );
  }
}

function checkTargets(targets: Int32Array | tf.Tensor1D, positions: number, vocabulary: number): void {
  if (!(targets instanceof Int32Array)) {
    assertShape('headLogProbs: targets', targets, [positions], '[M]');
    return;
  }
  assertLength('headLogProbs: targets', targets, positions, 'M');
  const at = targets.findIndex((id) => id < 0 || id >= vocabulary);
  if (at >= 0) {
    throw new BicotError(
      'token-range',
      `headLogProbs: target ${targets[at]} at position ${at} is outside the vocabulary [0, ${vocabulary}). Check which space the tokens are of.`,
    );
  }
}
