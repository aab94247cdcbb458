import * as tf from '@tensorflow/tfjs';
import type { RowGradients, RowStatistics } from '../fused/token-log-probs.js';

/** `log Σ exp` of each row, `[N]`; the caller disposes it. */
export function logNormalizers(logits: tf.Tensor2D): tf.Tensor1D {
  // logsumexp(z) = max z − log max softmax(z): softmax is the one fused kernel that every backend has.
  return tf.tidy(() => tf.sub(tf.max(logits, -1), tf.log(tf.max(tf.softmax(logits), -1))));
}

/** Places of the targets in the flattened logits, `[N]`; the caller disposes them. */
export function flatPositions(targets: tf.Tensor1D, [rows, columns]: readonly [number, number]): tf.Tensor1D {
  return tf.tidy(() => tf.add(tf.range(0, rows * columns, columns, 'int32'), targets));
}

/** The log-probs of targets, and what they were normalised by. The caller disposes both. */
export function composedRowStatistics(logits: tf.Tensor2D, targets: tf.Tensor1D): RowStatistics {
  return tf.tidy(() => {
    const normalizers = logNormalizers(logits);
    const places = flatPositions(within(targets, logits.shape[1]), logits.shape);
    // Gathering from a vector is cheaper than a one-hot product.
    const picked = tf.gather(tf.reshape(logits, [-1]), places);
    return { logProbs: tf.sub(picked, normalizers) as tf.Tensor1D, normalizers };
  });
}

/** `dy · (onehot − exp(logits − normalizers))`, `[N, V]`; the caller disposes it. */
export function composedLogitsGradient(
  logits: tf.Tensor2D,
  { targets, normalizers, dy }: RowGradients,
): tf.Tensor2D {
  return tf.tidy(() => {
    const [rows, columns] = logits.shape;
    const column = (x: tf.Tensor1D): tf.Tensor2D => tf.reshape(x, [rows, 1]);
    // One step at a time, so that no more than two of these large tensors are there at once.
    const spread = tf.tidy(() => {
      const probabilities = tf.tidy(() => tf.exp(tf.sub(logits, column(normalizers))));
      return tf.mul(probabilities, column(tf.neg(dy)));
    });
    const inside = within(targets, columns);
    const places = tf.expandDims(flatPositions(inside, [rows, columns]), 1);
    const own = tf.mul(dy, tf.cast(tf.equal(inside, targets), 'float32'));
    const picked = tf.scatterND(places, own, [rows * columns]);
    return tf.add(spread, tf.reshape(picked, [rows, columns]));
  });
}

/** Targets in range as they are, others moved into it: gathering must not fail. */
function within(targets: tf.Tensor1D, columns: number): tf.Tensor1D {
  return tf.minimum(tf.maximum(targets, tf.scalar(0, 'int32')), tf.scalar(columns - 1, 'int32'));
}
