import * as tf from '@tensorflow/tfjs';
import {
  causalAttention,
  causalMask,
  embed,
  linear,
  normalValues,
  rmsNorm,
  rotaryTables,
  swiglu,
  tokenLogProbs,
  uniformInteger,
  uniformStream,
} from 'bicot';
import type { TransformerConfig } from 'bicot/models';
import { targetLogProbs } from '../port/loss.js';
import { attend, rotate } from '../port/model.js';
import { registerSegmentSum } from '../port/segment-sum.js';
import type { Problem, ProblemLevel } from '../problem.js';
import type { KernelCase } from './pass.js';

type Matrix = tf.Tensor2D;

function random(name: string, ...shape: number[]): tf.Tensor {
  const count = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(normalValues(uniformStream('bench', name), count), shape);
}

function randomIds(name: string, count: number, below: number): tf.Tensor1D {
  const stream = uniformStream('bench', name);
  return tf.tensor1d(
    Int32Array.from({ length: count }, () => uniformInteger(stream, below)),
    'int32',
  );
}

/** Shapes of a training step. */
function shapesOf({ config, levels }: Problem) {
  const { contexts, tokens } = levels.at(-1) as ProblemLevel;
  const length = (contexts[0]?.length as number) + config.imageLength - 1;
  return { batch: tokens.length, length, rows: tokens.length * length };
}

/** Plain products, of a training step, of a decoding step and of a square. */
export function productCases(problem: Problem): KernelCase[] {
  const { width, hidden } = problem.config;
  const { batch, rows } = shapesOf(problem);
  const square = Math.min(512, rows);
  return [
    product(rows, width, width),
    product(rows, width, hidden),
    product(batch, width, hidden),
    product(square, square, square),
  ];
}

/** The kernels of a training step, at its shapes. */
export function kernelCases(problem: Problem): KernelCase[] {
  registerSegmentSum();
  const { batch, length, rows } = shapesOf(problem);
  const { width, hidden, imageLength, imageVocabulary, textVocabulary } = problem.config;
  return [
    ...productCases(problem),
    linearCase(rows, width, hidden),
    normCase(rows, width),
    swigluCase(rows, hidden),
    attentionCase(batch, length, problem.config),
    logProbCase(batch * imageLength, imageVocabulary),
    embeddingCase(rows, textVocabulary + imageVocabulary, width),
  ];
}

/** The product alone: what the backend can do at best. */
function product(rows: number, from: number, to: number): KernelCase {
  return {
    title: `product [${rows}, ${from}] · [${from}, ${to}]`,
    inputs: [random('x', rows, from), random('w', from, to)],
    constants: [],
    stock: (x, w) => tf.matMul(x as Matrix, w as Matrix),
    ours: (x, w) => linear(x as Matrix, w as Matrix),
    forwardOnly: true,
    flops: 2 * rows * from * to,
  };
}

function linearCase(rows: number, from: number, to: number): KernelCase {
  return {
    ...product(rows, from, to),
    title: `linear [${rows}, ${from}] · [${from}, ${to}], with gradients`,
    forwardOnly: false,
    flops: 6 * rows * from * to,
  };
}

function normCase(rows: number, width: number): KernelCase {
  return {
    title: `RMSNorm [${rows}, ${width}], with gradients`,
    inputs: [random('x', rows, width), random('gain', width)],
    constants: [],
    stock: (x, gain) =>
      tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-6))), gain as tf.Tensor),
    ours: (x, gain) => rmsNorm(x as Matrix, gain as tf.Tensor1D),
  };
}

function swigluCase(rows: number, hidden: number): KernelCase {
  return {
    title: `SwiGLU [${rows}, ${hidden}], with gradients`,
    inputs: [random('gate', rows, hidden), random('up', rows, hidden)],
    constants: [],
    stock: (gate, up) => tf.mul(tf.mul(gate, tf.sigmoid(gate)), up as tf.Tensor),
    ours: (gate, up) => swiglu(gate as Matrix, up as Matrix),
  };
}

/** The attention of a training step, rotary positions included. */
function attentionCase(batch: number, length: number, config: TransformerConfig): KernelCase {
  const { heads, width } = config;
  const size = width / heads;
  const order = Array.from({ length }, (_, p) => p);
  const { dispose: _, ...tables } = rotaryTables(order, size, config.ropeTheta);
  const mask = causalMask(length);
  const toHeads = (x: tf.Tensor): tf.Tensor => tf.reshape(x, [batch, length, heads, size]);
  const headsFirst = (x: tf.Tensor): tf.Tensor => tf.transpose(x, [0, 2, 1, 3]);
  const rotated = (x: tf.Tensor): tf.Tensor => headsFirst(rotate(toHeads(x), tables));
  return {
    title: `causal attention, ${heads} heads, ${batch} × [${length}, ${width}], with gradients`,
    inputs: ['q', 'k', 'v'].map((name) => random(name, batch * length, width)),
    constants: [mask, ...Object.values(tables)],
    stock: (q, k, v) => {
      const attended = attend(rotated(q), rotated(k as tf.Tensor), headsFirst(toHeads(v as tf.Tensor)), mask);
      return tf.reshape(headsFirst(attended), [batch * length, width]);
    },
    ours: (q, k, v) =>
      causalAttention(q as Matrix, k as Matrix, v as Matrix, { ...tables, dispose() {} }, heads),
    // Two products forward and four backward, the masked half included.
    flops: 12 * batch * length * length * width,
  };
}

function logProbCase(rows: number, vocabulary: number): KernelCase {
  const targets = randomIds('targets', rows, vocabulary);
  return {
    title: `token log-probs [${rows}, ${vocabulary}], with gradients`,
    inputs: [random('logits', rows, vocabulary)],
    constants: [targets],
    stock: (logits) => targetLogProbs(logits as Matrix, targets),
    ours: (logits) => tokenLogProbs(logits as Matrix, targets),
  };
}

/** The stock gather has a gradient only with the kernel that the port adds. */
function embeddingCase(rows: number, vocabulary: number, width: number): KernelCase {
  const ids = randomIds('ids', rows, vocabulary);
  return {
    title: `embedding, ${rows} rows of [${vocabulary}, ${width}], with gradients`,
    inputs: [random('table', vocabulary, width)],
    constants: [ids],
    stock: (table) => tf.gather(table, ids),
    ours: (table) => embed(table as Matrix, ids),
  };
}
