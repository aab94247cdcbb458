import * as tf from '@tensorflow/tfjs';
import type { NamedVariables, TokenBatch, TokenContext } from 'bicot';
import type { TransformerConfig } from 'bicot/models';
import { joinSequences, predictionPositions } from '../src/models/transformer/sequences.js';

// What bicot is measured against: the same model in stock operations, as one would write it by the book, with
// TensorFlow.js's own gradients. Matrices are kept at rank 2, which wasm needs to be fast at all.

/** `tf.gather` on wasm has no gradient: its kernel is missing. This one sums on the heap, row by row. */
export function registerSegmentSum(): void {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm') !== undefined) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
      const { numSegments } = attrs as unknown as { numSegments: number };
      const wasm = backend as tf.KernelBackend & { readSync(id: object): Float32Array | Int32Array };
      const values = wasm.readSync(x.dataId);
      const ids = wasm.readSync(segmentIds.dataId);
      const width = values.length / ids.length;
      const sums = new Float32Array(numSegments * width);
      for (let row = 0; row < ids.length; row++) {
        const target = (ids[row] as number) * width;
        for (let i = 0; i < width; i++) {
          sums[target + i] = (sums[target + i] as number) + (values[row * width + i] as number);
        }
      }
      const shape = [numSegments, ...x.shape.slice(1)];
      return { dataId: wasm.write(sums, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}

/** `gain · x / sqrt(mean(x²) + epsilon)`. */
function naiveNorm(x: tf.Tensor2D, gain: tf.Tensor, epsilon: number): tf.Tensor2D {
  return tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))), gain);
}

/** Rotary positions of `[B, T, H, D]`, halves swapped by split and concat. */
function naiveRotate(x: tf.Tensor, cos: tf.Tensor, sin: tf.Tensor): tf.Tensor {
  const [first, second] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor];
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(second), first], -1), sin));
}

function angles(length: number, size: number, theta: number): { cos: tf.Tensor; sin: tf.Tensor } {
  const half = Array.from({ length: size / 2 }, (_, i) => theta ** ((-2 * i) / size));
  const table = Array.from({ length }, (_, p) => [...half, ...half].map((frequency) => p * frequency));
  const angle = tf.tensor(table, [length, 1, size]);
  return { cos: tf.cos(angle), sin: tf.sin(angle) };
}

/** The transformer's log-probs of image tokens, `[N, T]`. */
export function naiveImageLogProbs(
  config: TransformerConfig,
  variables: NamedVariables,
  contexts: readonly TokenContext[],
  completion: TokenBatch,
): tf.Tensor2D {
  const { width, heads, layers, rmsEpsilon, imageVocabulary } = config;
  const size = width / heads;
  const get = (name: string): tf.Tensor => variables[name] as tf.Tensor;
  const product = (x: tf.Tensor2D, name: string): tf.Tensor2D => tf.matMul(x, get(name) as tf.Tensor2D);
  const sequences = joinSequences(contexts, completion, true, config);
  const { rows, length } = sequences;
  const { cos, sin } = angles(length, size, config.ropeTheta);
  const future = tf.sub(1, tf.linalg.bandPart(tf.ones([length, length]), -1, 0)); // 1 above the diagonal
  const mask = tf.mul(future, -1e9);
  const headsFirst = (x: tf.Tensor): tf.Tensor4D => tf.transpose(x, [0, 2, 1, 3]) as tf.Tensor4D;

  let x = tf.add(
    tf.gather(get('embedding'), tf.tensor1d(sequences.ids, 'int32')),
    tf.gather(get('imagePosition'), tf.tensor1d(sequences.imagePositions, 'int32')),
  ) as tf.Tensor2D; // [N·S, d]
  for (let layer = 0; layer < layers; layer++) {
    const block = (name: string): string => `blocks.${layer}.${name}`;
    const toHeads = (name: string): tf.Tensor =>
      tf.reshape(product(y, block(name)), [rows, length, heads, size]);
    let y = naiveNorm(x, get(block('attentionNorm')), rmsEpsilon);
    const query = headsFirst(naiveRotate(toHeads('query'), cos, sin));
    const key = headsFirst(naiveRotate(toHeads('key'), cos, sin));
    const value = headsFirst(toHeads('value'));
    const scores = tf.add(tf.div(tf.matMul(query, key, false, true), Math.sqrt(size)), mask); // [N, H, S, S]
    const attended = tf.matMul(tf.softmax(scores), value);
    const merged = tf.reshape(headsFirst(attended), [rows * length, width]) as tf.Tensor2D;
    x = tf.add(x, product(merged, block('output')));
    y = naiveNorm(x, get(block('mlpNorm')), rmsEpsilon);
    const gate = product(y, block('gate'));
    const gated = tf.mul(tf.mul(gate, tf.sigmoid(gate)), product(y, block('up'))) as tf.Tensor2D;
    x = tf.add(x, product(gated, block('down')));
  }
  const picked = tf.tensor1d(predictionPositions(contexts, completion, length), 'int32');
  const hidden = naiveNorm(tf.gather(x, picked), get('finalNorm'), rmsEpsilon); // [N·T, d]
  const logits = product(hidden, 'imageHead'); // [N·T, V]
  return tf.reshape(naiveLogProbs(logits, tf.tensor1d(completion.ids, 'int32'), imageVocabulary), [
    completion.rows,
    completion.width,
  ]);
}

/** Log-probs of one token a row, `[N]`, by a one-hot product. */
export function naiveLogProbs(logits: tf.Tensor2D, targets: tf.Tensor1D, vocabulary: number): tf.Tensor1D {
  return tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(targets, vocabulary)), -1);
}
