/**
 * Counts the shaders that a training step starts on WebGPU, with bicot's kernels and with stock operations:
 *
 *     node --import tsx --import ./test/packages/webgpu/setup.mjs test/packages/webgpu/dispatches.ts [ROWS]
 *
 * The model is the emoji demo's with random weights; the step is log-probs, gradients and AdamW of some pictures.
 * Each count comes with the time of a step, which says nothing of a GPU if Dawn found one in software.
 */
import * as tf from '@tensorflow/tfjs';
import {
  adamW,
  completionLogProbs,
  lossGradients,
  setKernels,
  tokenBatch,
  uniformInteger,
  uniformStream,
} from 'bicot';
import { createTransformer } from 'bicot/models';
import { contextsOf } from '../../bench/bicot/policy.js';
import { SIZES, SPECIALS, transformerOptions } from '../../bench/sizes.js';

interface Pass {
  dispatchWorkgroups(x: number, y?: number, z?: number): void;
}

/** Dispatches so far, of TensorFlow.js's programs and of bicot's. */
let dispatches = 0;
const { GPUComputePassEncoder } = globalThis as unknown as { GPUComputePassEncoder: { prototype: Pass } };
const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
GPUComputePassEncoder.prototype.dispatchWorkgroups = function (this: Pass, ...size) {
  dispatches++;
  return dispatchWorkgroups.apply(this, size);
};

const size = SIZES.demo;
const rows = Number(process.argv[2] ?? 2);
const stream = uniformStream('dispatches');
const random = (length: number, below: number): number[] =>
  Array.from({ length }, () => SPECIALS + uniformInteger(stream, below - SPECIALS));
const lists = (length: number, below: number) => Array.from({ length: rows }, () => random(length, below));

const policy = createTransformer(transformerOptions(size));
const contexts = contextsOf(lists(size.contextLength, size.text));
const completion = tokenBatch(lists(size.imageLength, size.image));
const optimizer = adamW();

async function step(): Promise<void> {
  const score = () => tf.neg(tf.mean(completionLogProbs(policy, { contexts, completion, space: 'image' })));
  const { loss, gradients } = lossGradients(() => score() as tf.Scalar, policy.variables);
  optimizer.update(policy.variables, gradients, 1e-6);
  await Promise.all(Object.values(policy.variables).map((variable) => variable.data()));
  tf.dispose([loss, ...Object.values(gradients)]);
}

console.log(
  `a step on ${rows} pictures of ${size.imageLength} tokens, ${size.layers} blocks of width ${size.width}`,
);
for (const kernels of ['composed', 'fused'] as const) {
  setKernels(kernels);
  await step(); // compiles the shaders, and makes the moments
  const before = { dispatches, time: performance.now() };
  await step();
  const seconds = (performance.now() - before.time) / 1000;
  console.log(`${kernels}: ${dispatches - before.dispatches} dispatches, ${seconds.toFixed(2)} s`);
}
process.exit(); // Dawn's threads would keep the process alive
