import * as tf from '@tensorflow/tfjs';
import {
  completionLogProbs,
  embed,
  linear,
  lossGradients,
  normalValues,
  type Policy,
  tokenLogProbs,
  uniformInteger,
  uniformStream,
} from 'bicot';
import { assertSame, type Comparison, MARKDOWN_HEADER, markdownRows, measure } from './measure.js';
import { naiveImageLogProbs, naiveLogProbs, registerSegmentSum } from './naive.js';
import { type BenchOptions, makeContexts, makeImages, makeModel, type Size } from './settings.js';

/** Forward and backward passes with bicot's kernels against stock operations with default gradients. */
export async function benchKernels({ size, rounds }: BenchOptions): Promise<void> {
  registerSegmentSum();
  console.log(MARKDOWN_HEADER);
  for (const make of [trainingStep, linearLayer, embedding, logProbs]) {
    const { comparison, dispose } = await make(size);
    console.log(markdownRows(comparison.title, await measure(comparison, rounds)));
    dispose();
  }
}

interface Case {
  readonly comparison: Comparison;
  dispose(): void;
}

/** The mean log-prob of N images and its gradient by all weights. */
async function trainingStep(size: Size): Promise<Case> {
  const model = makeModel(size);
  const completion = makeImages(size);
  const contexts = makeContexts(size).flatMap((context) => new Array(size.groupSize).fill(context));
  const step = (logProbs: () => tf.Tensor2D) =>
    lossGradients(() => tf.neg(tf.mean(logProbs())) as tf.Scalar, model.variables);
  const naive = () => step(() => naiveImageLogProbs(model.config, model.variables, contexts, completion));
  const ours = () =>
    step(() => completionLogProbs(model as Policy, { contexts, completion, space: 'image' }));
  const [one, other] = [naive(), ours()];
  assertSame('training step: loss', await one.loss.data(), await other.loss.data(), 1e-5);
  for (const [name, gradient] of Object.entries(one.gradients)) {
    const same = other.gradients[name] as tf.Tensor;
    assertSame(`training step: gradient of ${name}`, await gradient.data(), await same.data(), 1e-4);
  }
  const free = ({ loss, gradients }: typeof one): void =>
    tf.dispose([loss, gradients as Record<string, tf.Tensor>]);
  free(one);
  free(other);
  const run = (pass: () => typeof one) => async () => {
    const result = pass();
    await result.loss.data();
    free(result);
  };
  const tokens = `${completion.rows} × (${size.contextLength} + ${size.imageLength}) tokens`;
  return {
    comparison: {
      title: `training step, d ${size.width} × ${size.layers} layers, ${tokens}`,
      variants: [
        { name: 'stock operations', run: run(naive) },
        { name: 'bicot', run: run(ours) },
      ],
    },
    dispose: () => model.dispose(),
  };
}

/** Times value and gradients of operations that must agree. */
async function operation(
  title: string,
  inputs: readonly tf.Tensor[],
  constants: readonly tf.Tensor[],
  variants: Readonly<Record<string, (...inputs: tf.Tensor[]) => tf.Tensor>>,
): Promise<Case> {
  const passes = Object.entries(variants).map(([name, op]) => {
    const dy = tf.keep(tf.tidy(() => tf.onesLike(op(...inputs))));
    return { name, dy, pass: () => tf.valueAndGrads(op)([...inputs], dy) };
  });
  let expected: Float32Array[] | undefined;
  for (const { name, pass } of passes) {
    const { value, grads } = pass();
    const results = await Promise.all([value, ...grads].map(async (x) => (await x.data()) as Float32Array));
    expected ??= results;
    results.forEach((result, i) => void assertSame(`${title}: ${name}`, expected?.[i] ?? [], result, 1e-4));
    tf.dispose([value, grads]);
  }
  return {
    comparison: {
      title,
      repeats: 10,
      variants: passes.map(({ name, pass }) => ({
        name,
        run: async () => {
          const { value, grads } = pass();
          await grads[0]?.data();
          tf.dispose([value, grads]);
        },
      })),
    },
    dispose: () => tf.dispose([...inputs, ...constants, ...passes.map(({ dy }) => dy)]),
  };
}

const randomMatrix = (name: string, rows: number, columns: number): tf.Tensor2D =>
  tf.tensor2d(normalValues(uniformStream('bench', name), rows * columns), [rows, columns]);

function randomIds(name: string, count: number, below: number): tf.Tensor1D {
  const stream = uniformStream('bench', name);
  return tf.tensor1d(
    Int32Array.from({ length: count }, () => uniformInteger(stream, below)),
    'int32',
  );
}

/** Input positions of the training step. */
const positions = (size: Size): number =>
  size.prompts * size.groupSize * (size.contextLength + size.imageLength - 1);

function linearLayer(size: Size): Promise<Case> {
  const rows = positions(size);
  const inputs = [randomMatrix('x', rows, size.width), randomMatrix('w', size.width, size.hidden)];
  return operation(`linear, [${rows}, ${size.width}] · [${size.width}, ${size.hidden}]`, inputs, [], {
    'tf.matMul': (x, w) => tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D),
    bicot: (x, w) => linear(x as tf.Tensor2D, w as tf.Tensor2D),
  });
}

function embedding(size: Size): Promise<Case> {
  const [rows, vocabulary] = [positions(size), size.text + size.image];
  const table = randomMatrix('table', vocabulary, size.width);
  const ids = randomIds('ids', rows, vocabulary);
  return operation(`embedding, ${rows} rows of [${vocabulary}, ${size.width}]`, [table], [ids], {
    'one-hot product': (t) => tf.matMul(tf.oneHot(ids, vocabulary) as tf.Tensor2D, t as tf.Tensor2D),
    'tf.gather, segment sum added to wasm': (t) => tf.gather(t, ids),
    bicot: (t) => embed(t as tf.Tensor2D, ids),
  });
}

function logProbs(size: Size): Promise<Case> {
  const rows = size.prompts * size.groupSize * size.imageLength;
  const logits = randomMatrix('logits', rows, size.image);
  const targets = randomIds('targets', rows, size.image);
  return operation(`token log-probs, [${rows}, ${size.image}]`, [logits], [targets], {
    'tf.logSoftmax, one-hot product': (x) => naiveLogProbs(x as tf.Tensor2D, targets, size.image),
    bicot: (x) => tokenLogProbs(x as tf.Tensor2D, targets),
  });
}
