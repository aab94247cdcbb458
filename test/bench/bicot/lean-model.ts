import * as tf from '@tensorflow/tfjs';
import { normalValues, uniformInteger, uniformStream } from 'bicot';
import { type Backbone, type Block, trainedBlockParts } from '../../../src/models/backbone/blocks.js';
import type { Matrix } from '../../../src/models/backbone/matrix.js';

/** Sizes of a model with a large text vocabulary, and of the samples of a step. */
export interface LeanSizes {
  readonly width: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly text: number;
  readonly image: number;
  /** Samples of a step. */
  readonly rows: number;
  /** Tokens of a prompt, of a plan and of an image. */
  readonly prompt: number;
  readonly plan: number;
  readonly imageLength: number;
  /** Of adapters, where they are what is trained. */
  readonly rank: number;
}

/** Adapters beside frozen matrices, or all weights. */
export type Trained = 'adapters' | 'all';

/** A model of bicot's kernels, and what of it is trained. */
export interface LeanModel {
  readonly backbone: Backbone;
  /** `[text + image, d]` */
  readonly embedding: tf.Tensor2D;
  /** `[d, text]` */
  readonly textHead: tf.Tensor2D;
  /** `[d, image]` */
  readonly imageHead: tf.Tensor2D;
  readonly variables: readonly tf.Variable[];
  /** All of them. */
  readonly tensors: readonly tf.Tensor[];
  dispose(): void;
}

/** A sample: what was generated for it, and what it is worth. */
export interface LeanSample {
  readonly prompt: Int32Array;
  readonly plan: Int32Array;
  readonly image: Int32Array;
  readonly advantage: number;
}

/** Random weights; the adapters' too, as after some training. */
export function leanModel(sizes: LeanSizes, trained: Trained): LeanModel {
  const { width, hidden, layers, heads, text, image, rank } = sizes;
  const tensors: tf.Tensor[] = [];
  const random = (name: string, rows: number, columns: number, deviation: number): tf.Tensor2D => {
    const values = normalValues(uniformStream('lean model', name), rows * columns).map((x) => x * deviation);
    return tf.tensor2d(values, [rows, columns]);
  };
  const own = <T extends tf.Tensor>(tensor: T, trains: boolean): T => {
    const made = trains ? (tf.variable(tensor) as unknown as T) : tensor;
    if (trains) tensor.dispose();
    tensors.push(made);
    return made;
  };
  const all = trained === 'all';
  const plain = (name: string, rows: number, columns: number): tf.Tensor2D =>
    own(random(name, rows, columns, 1 / Math.sqrt(rows)), all);
  const matrix = (name: string, rows: number, columns: number): Matrix => {
    const weight = plain(name, rows, columns);
    if (all) return weight;
    const down = own(random(`${name} A`, rows, rank, 1 / Math.sqrt(rows)), true) as tf.Variable<tf.Rank.R2>;
    const up = own(random(`${name} B`, rank, columns, 0.1), true) as tf.Variable<tf.Rank.R2>;
    return { weight, adapter: { down, up, scale: 1, power: { on: true } } };
  };
  const norm = (): tf.Tensor1D => own(tf.ones([width]) as tf.Tensor1D, all);
  const blocks = Array.from(
    { length: layers },
    (_, i): Block => ({
      attentionNorm: norm(),
      query: matrix(`${i} query`, width, width),
      key: matrix(`${i} key`, width, width),
      value: matrix(`${i} value`, width, width),
      output: matrix(`${i} output`, width, width),
      mlpNorm: norm(),
      gate: matrix(`${i} gate`, width, hidden),
      up: matrix(`${i} up`, width, hidden),
      down: matrix(`${i} down`, hidden, width),
    }),
  );
  const backbone = { heads, rmsEpsilon: 1e-6, blocks, finalNorm: norm() };
  const embedding = own(random('embedding', text + image, width, 1), all);
  const [textHead, imageHead] = [plain('text head', width, text), plain('image head', width, image)];
  const others = [backbone.finalNorm, embedding, textHead, imageHead] as tf.Tensor[];
  const variables = [
    ...blocks.flatMap(trainedBlockParts),
    ...others.filter((tensor) => tensor instanceof tf.Variable),
  ];
  return { backbone, embedding, textHead, imageHead, variables, tensors, dispose: () => tf.dispose(tensors) };
}

/** Samples of random tokens. */
export function leanSamples({ rows, prompt, plan, imageLength, text, image }: LeanSizes): LeanSample[] {
  const stream = uniformStream('lean samples');
  const tokens = (count: number, below: number): Int32Array =>
    Int32Array.from({ length: count }, () => uniformInteger(stream, below));
  return Array.from({ length: rows }, (_, row) => ({
    prompt: tokens(prompt, text),
    plan: tokens(plan, text),
    image: tokens(imageLength, image),
    advantage: row % 2 === 0 ? 1 : -0.8,
  }));
}
