import * as tf from '@tensorflow/tfjs';
import { isFused } from './choice.js';
import { composedLogitsGradient, composedRowStatistics } from './composed/row-statistics.js';
import {
  fusedLogitsGradient,
  fusedRowStatistics,
  type RowGradients,
  type RowStatistics,
  TOKEN_LOG_PROBS,
  TOKEN_LOG_PROBS_GRAD,
} from './fused/token-log-probs.js';
import { timesTransposed, transposedTimes } from './gradient-products.js';
import { linear } from './linear.js';

/** Some columns of an output head. */
export interface HeadChunk {
  /** `[d, c]` */
  readonly weight: tf.Tensor2D;
  /** `[c]` */
  readonly bias?: tf.Tensor1D;
  /** The token of the first column. */
  readonly offset: number;
  readonly trainsWeight: boolean;
  readonly trainsBias: boolean;
}

/** How a head is computed. */
export interface HeadPlan {
  readonly chunks: readonly HeadChunk[];
  readonly temperature: number;
  /** Positions at a time. */
  readonly rows: number;
}

/** Logits that are small enough to be kept. */
export interface KeptLogits {
  /** `[M, V]`, over the temperature; absent unless they are a single piece. */
  readonly logits?: tf.Tensor2D;
}

/** What gradients are made of. */
export interface HeadRows extends RowGradients, KeptLogits {
  /** `[M, d]` */
  readonly hidden: tf.Tensor2D;
}

/** Gradients in the order of the chunks; absent where nothing is trained. */
export interface HeadGradients {
  readonly hidden: tf.Tensor2D;
  readonly weights: readonly (tf.Tensor2D | undefined)[];
  readonly biases: readonly (tf.Tensor1D | undefined)[];
}

/**
 * Log-probs of the targets under all chunks together, some rows at a time.
 * @param hidden `[M, d]`
 * @param targets `[M]`, int32
 * @returns `[M]` each, and the logits if they are a single piece; the caller disposes them
 */
export function headStatistics(
  hidden: tf.Tensor2D,
  targets: tf.Tensor1D,
  plan: HeadPlan,
): RowStatistics & KeptLogits {
  const [all, ...more] = ranges(hidden.shape[0], plan.rows);
  const [chunk, ...others] = plan.chunks;
  if (all && chunk && more.length + others.length === 0) {
    return tidied(() => {
      const logits = logitsOf(scaledRows(hidden, all, plan), chunk, plan);
      return { ...rowStatistics(logits, targets), logits };
    });
  }
  return tidied(() => {
    const pieces = ranges(hidden.shape[0], plan.rows).map((range) =>
      tidied(() => pieceStatistics(scaledRows(hidden, range, plan), rowsOf(targets, range), plan)),
    );
    return {
      logProbs: joined(pieces.map(({ logProbs }) => logProbs)),
      normalizers: joined(pieces.map(({ normalizers }) => normalizers)),
    };
  });
}

/** What some rows give under all chunks. */
function pieceStatistics(states: tf.Tensor2D, ids: tf.Tensor1D, plan: HeadPlan): RowStatistics {
  const ofChunks = plan.chunks.map((chunk) =>
    tidied(() => rowStatistics(logitsOf(states, chunk, plan), targetsIn(ids, chunk))),
  );
  return combined(ids, plan.chunks, ofChunks);
}

/** Gradients of the hidden states and of what is trained; the caller disposes them. */
export function headGradients({ hidden, ...rows }: HeadRows, plan: HeadPlan): HeadGradients {
  return tidied(() => {
    const pieces = ranges(hidden.shape[0], plan.rows).map((range) => ({
      states: scaledRows(hidden, range, plan),
      targets: rowsOf(rows.targets, range),
      normalizers: rowsOf(rows.normalizers, range),
      dy: rowsOf(rows.dy, range),
      logits: rows.logits,
      gradient: undefined as tf.Tensor2D | undefined,
    }));
    // Chunk by chunk, so that the gradient of one weight at a time is summed.
    const ofChunks = plan.chunks.map((chunk) => {
      let [weight, bias]: [tf.Tensor2D?, tf.Tensor1D?] = [];
      for (const piece of pieces) {
        const made = pieceGradients(piece, chunk, plan);
        piece.gradient = added(piece.gradient, made.states);
        weight = added(weight, made.weight);
        bias = added(bias, made.bias);
      }
      return { weight, bias: bias && tempered(bias, plan) };
    });
    return {
      hidden: tempered(joined(pieces.map(({ gradient }) => gradient as tf.Tensor2D)), plan),
      weights: ofChunks.map(({ weight }) => weight),
      biases: ofChunks.map(({ bias }) => bias),
    };
  });
}

/** What some rows give for a chunk, before the temperature. */
function pieceGradients(
  { states, logits, ...row }: RowGradients & KeptLogits & { readonly states: tf.Tensor2D },
  chunk: HeadChunk,
  plan: HeadPlan,
): { readonly states: tf.Tensor2D; readonly weight?: tf.Tensor2D; readonly bias?: tf.Tensor1D } {
  return tidied(() => {
    const dLogits = tf.tidy(() =>
      logitsGradient(logits ?? logitsOf(states, chunk, plan), {
        ...row,
        targets: targetsIn(row.targets, chunk),
      }),
    );
    return {
      states: timesTransposed(dLogits, chunk.weight),
      ...(chunk.trainsWeight ? { weight: transposedTimes(states, dLogits) } : {}),
      ...(chunk.trainsBias ? { bias: columnSums(dLogits) } : {}),
    };
  });
}

/** Statistics over all columns from those of each chunk. */
function combined(
  ids: tf.Tensor1D,
  chunks: readonly HeadChunk[],
  statistics: readonly RowStatistics[],
): RowStatistics {
  // Of one chunk they are what tokenLogProbs gives, bit for bit.
  if (statistics.length === 1) return statistics[0] as RowStatistics;
  const normalizers = tf.logSumExp(tf.stack(statistics.map((each) => each.normalizers)), 0) as tf.Tensor1D;
  const parts = statistics.map((each, c) => {
    const targets = targetsIn(ids, chunks[c] as HeadChunk);
    const inside = tf.logicalAnd(
      tf.greaterEqual(targets, tf.scalar(0, 'int32')),
      tf.less(targets, tf.scalar((chunks[c] as HeadChunk).weight.shape[1], 'int32')),
    );
    // From the chunk's own normaliser to that of all: the target's logit itself may be large, and this is not.
    const logProbs = tf.add(each.logProbs, tf.sub(each.normalizers, normalizers));
    return tf.where(inside, logProbs, 0) as tf.Tensor1D;
  });
  return { logProbs: parts.reduce((sum, part) => tf.add(sum, part)), normalizers };
}

/** Logits over the temperature: of states that are over it already. */
function logitsOf(states: tf.Tensor2D, { weight, bias }: HeadChunk, plan: HeadPlan): tf.Tensor2D {
  const products = linear(states, weight);
  return bias ? tf.add(products, tempered(bias, plan)) : products;
}

function rowStatistics(logits: tf.Tensor2D, targets: tf.Tensor1D): RowStatistics {
  return isFused(TOKEN_LOG_PROBS, [logits], [targets])
    ? fusedRowStatistics(logits, targets)
    : composedRowStatistics(logits, targets);
}

function logitsGradient(logits: tf.Tensor2D, row: RowGradients): tf.Tensor2D {
  return isFused(TOKEN_LOG_PROBS_GRAD, [logits], [row.targets])
    ? fusedLogitsGradient(logits, row)
    : composedLogitsGradient(logits, row);
}

/** Σ over rows, as a product with ones: wasm sums over the first axis ten times slower. */
function columnSums(x: tf.Tensor2D): tf.Tensor1D {
  return tf.reshape(linear(tf.ones([1, x.shape[0]]) as tf.Tensor2D, x), [x.shape[1]]);
}

/** Targets counted from a chunk's first column; out of its range if they are not in it. */
const targetsIn = (targets: tf.Tensor1D, { offset }: HeadChunk): tf.Tensor1D =>
  offset === 0 ? targets : tf.sub(targets, tf.scalar(offset, 'int32'));

const tempered = <Tensor extends tf.Tensor>(x: Tensor, { temperature }: HeadPlan): Tensor =>
  temperature === 1 ? x : (tf.div(x, temperature) as Tensor);

/** The sum, in place of both. */
function added<Tensor extends tf.Tensor>(
  sum: Tensor | undefined,
  next: Tensor | undefined,
): Tensor | undefined {
  if (!sum || !next) return sum ?? next;
  const total = tf.add(sum, next) as Tensor;
  tf.dispose([sum, next]);
  return total;
}

/** Rows `[begin, begin + size)` that cover all, as even as whole numbers are. */
type Range = readonly [begin: number, size: number];

function ranges(count: number, most: number): Range[] {
  const pieces = Math.max(1, Math.ceil(count / most));
  const begins = Array.from({ length: pieces + 1 }, (_, p) => Math.floor((p * count) / pieces));
  return begins.slice(1).map((end, p) => [begins[p] as number, end - (begins[p] as number)]);
}

/** Those rows; the tensor itself if they are all. */
function rowsOf<Tensor extends tf.Tensor>(x: Tensor, [begin, size]: Range): Tensor {
  if (size === x.shape[0]) return x;
  return tf.slice(x, [begin, ...x.shape.slice(1).map(() => 0)], [size, ...x.shape.slice(1)]) as Tensor;
}

const scaledRows = (hidden: tf.Tensor2D, range: Range, plan: HeadPlan): tf.Tensor2D =>
  tf.tidy(() => tempered(rowsOf(hidden, range), plan));

const joined = <Tensor extends tf.Tensor>(pieces: readonly Tensor[]): Tensor =>
  pieces.length === 1 ? (pieces[0] as Tensor) : (tf.concat([...pieces]) as Tensor);

/** `tf.tidy` of an object of tensors, with its type. */
const tidied = <Made extends object>(make: () => Made): Made =>
  tf.tidy(make as unknown as () => tf.NamedTensorMap) as unknown as Made;
