import * as tf from '@tensorflow/tfjs';
import type { DecodeOptions, DecodingSession, Policy } from '../policy/policy.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import type { TokenBatch } from '../policy/tokens.js';
import { assertShape } from '../tensor/shape.js';

/**
 * A decoding session for a policy that has none: every token runs the whole sequence through `policy.logits`.
 * Slow (quadratic in the completion), but right for any policy.
 */
export function recomputeDecoding<Context>(
  policy: Policy<Context>,
  contexts: readonly Context[],
  space: string,
  options: DecodeOptions,
): DecodingSession {
  const { samplesPerContext, maxTokens } = options;
  const { size } = tokenSpaceOf(policy, space);
  const rows = contexts.length * samplesPerContext;
  const rowContexts = contexts.flatMap((context) => new Array<Context>(samplesPerContext).fill(context));
  const history = new Int32Array(rows * maxTokens); // [N, maxTokens]
  let length = 0;
  return {
    rows,
    next(tokens) {
      if (tokens !== undefined) {
        for (let r = 0; r < rows; r++) history[r * maxTokens + length] = tokens[r] as number;
        length++;
      }
      return tf.tidy(() => {
        const logits = policy.logits(rowContexts, withPlaceholder(history, rows, length), space); // [N, t + 1, V]
        assertShape('policy.logits', logits, [rows, length + 1, size], '[N, T, V]');
        return tf.reshape(tf.slice(logits, [0, length, 0], [rows, 1, size]), [rows, size]) as tf.Tensor2D;
      });
    },
    dispose() {},
  };
}

/** The tokens so far and one more: its logits depend only on those before it, so any id will do. */
function withPlaceholder(history: Int32Array, rows: number, length: number): TokenBatch {
  const width = length + 1;
  const stride = history.length / rows;
  const ids = new Int32Array(rows * width);
  for (let r = 0; r < rows; r++) {
    ids.set(history.subarray(r * stride, r * stride + length), r * width);
  }
  return { ids, lengths: new Int32Array(rows).fill(width), rows, width };
}
