import * as tf from '@tensorflow/tfjs';
import type { TransformerConfig } from 'bicot/models';
import { type Batch, joinRows } from './batch.js';
import { type Angles, anglesOf, type Cache, causalMask, embed, head, layer, type Weights } from './model.js';

/** Token by token, with keys and values that grow by `tf.concat`. */
export interface Decoder {
  /** Logits `[N, V]` of what follows the contexts and the tokens fed so far; the caller disposes them. */
  next(tokens?: readonly number[]): tf.Tensor2D;
  dispose(): void;
}

/**
 * @param contexts `[N]`, or `[N / copies]`: each is then computed once and its cache repeated
 */
export function startDecoder(
  config: TransformerConfig,
  weights: Weights,
  contexts: readonly (readonly number[])[],
  image: boolean,
  copies = 1,
): Decoder {
  const batch = joinRows(config, contexts, [], image);
  const lengths = contexts.flatMap((context) => new Array<number>(copies).fill(context.length));
  const rows = lengths.length;
  const padded = lengths.some((length) => length < batch.length);
  let caches: Cache[] = [];
  let fed = 0;

  /** All layers; the caches that come out hold what went in and the new tokens. */
  const run = (
    inputs: Pick<Batch, 'ids' | 'imagePositions'>,
    n: number,
    angles: Angles,
    mask: tf.Tensor | undefined,
  ) => {
    let x = embed(weights, inputs.ids, inputs.imagePositions);
    const next: Cache[] = [];
    for (let i = 0; i < config.layers; i++) {
      const out = layer(config, weights, i, x, n, angles, mask, caches[i]);
      x = out.x;
      next.push(out.cache);
    }
    return { x, next };
  };

  const prefill = () => {
    const order = Array.from({ length: batch.length }, (_, p) => p);
    const { x, next } = run(batch, batch.rows, anglesOf(order, config), causalMask(batch.length));
    const last = contexts.map((context, n) => n * batch.length + context.length - 1);
    const logits = head(config, weights, tf.gather(x, tf.tensor1d(last, 'int32')), image);
    return {
      logits: repeat(logits, copies) as tf.Tensor2D,
      next: next.map((cache) => repeated(cache, copies)),
    };
  };

  /** Hides the padding between a context and what was decoded behind it, `[N, 1, 1, S]`. */
  const paddingMask = (): tf.Tensor | undefined => {
    if (!padded) return undefined;
    const length = batch.length + fed;
    const hidden = lengths.map((own) =>
      Array.from({ length }, (_, p) => (p >= own && p < batch.length ? -1e9 : 0)),
    );
    return tf.reshape(tf.tensor2d(hidden), [rows, 1, 1, length]);
  };

  const step = (tokens: readonly number[]) => {
    fed++;
    const ids = Int32Array.from(tokens, (id) => (image ? id + config.textVocabulary : id));
    const imagePositions = new Int32Array(rows).fill(image ? fed : config.imageLength);
    const { cos, sin } = anglesOf(
      lengths.map((length) => length + fed - 1),
      config,
    );
    const perRow = (table: tf.Tensor) => tf.expandDims(table, 1); // [N, 1, 1, D]
    const angles = { cos: perRow(cos), sin: perRow(sin) };
    const { x, next } = run({ ids, imagePositions }, rows, angles, paddingMask());
    return { logits: head(config, weights, x, image), next };
  };

  return {
    next(tokens) {
      const old = caches;
      const result = tf.tidy(() => (tokens ? step(tokens) : prefill()));
      caches = result.next;
      tf.dispose(old);
      return result.logits;
    },
    dispose: () => tf.dispose(caches),
  };
}

/** Each row `copies` times, side by side. */
function repeat(x: tf.Tensor, copies: number): tf.Tensor {
  if (copies === 1) return x;
  const [rows = 1, ...rest] = x.shape;
  const flat = tf.tile(tf.reshape(x, [rows, 1, -1]), [1, copies, 1]);
  return tf.reshape(flat, [rows * copies, ...rest]);
}

const repeated = ({ keys, values }: Cache, copies: number): Cache => ({
  keys: repeat(keys, copies),
  values: repeat(values, copies),
});
