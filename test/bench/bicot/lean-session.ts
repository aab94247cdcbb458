import * as tf from '@tensorflow/tfjs';
import { peakBytes } from '../../support/peak-bytes.js';
import type { RunnableVariant, Session } from '../hosts/serve.js';
import type { Size } from '../sizes.js';
import { useKernels } from '../variants.js';
import {
  type LeanModel,
  type LeanSample,
  type LeanSizes,
  leanModel,
  leanSamples,
  type Trained,
} from './lean-model.js';
import { type LeanStep, memorySaving, straightforward } from './lean-step.js';

/** Gradients that are further apart are not the same gradients. */
const TOLERANCE = 1e-5;

/** The sizes of a benchmark as those of a lean model. */
export function leanSizes(size: Size): LeanSizes {
  return {
    ...size,
    rows: size.groupSize * size.trainPrompts,
    prompt: size.contextLength,
    plan: size.planLength,
    rank: 16,
  };
}

/** What a way of computing gradients costs, and how far it is from another. */
export interface LeanCost {
  /** All tensors at the worst moment, weights included. */
  readonly tensorBytes: number;
  /** The largest error of a gradient, relative to the largest of its values. */
  readonly error: number;
}

/** Measures what can be measured without a clock. */
export async function leanCost(
  step: LeanStep,
  model: LeanModel,
  samples: readonly LeanSample[],
): Promise<LeanCost> {
  const { numBytes } = tf.memory();
  const peak = peakBytes(() => tf.dispose(step(model, samples) as tf.NamedTensorMap));
  const [expected, got] = [straightforward(model, samples), step(model, samples)];
  let error = 0;
  for (const [name, gradient] of Object.entries(expected)) {
    const read = (tensor: tf.Tensor): Promise<Float32Array> => tensor.data() as Promise<Float32Array>;
    const [a, b] = await Promise.all([read(gradient), read(got[name] as tf.Tensor)]);
    const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
    // What is NaN must not pass.
    if (!(apart <= TOLERANCE * largest))
      throw new Error(`The gradients of ${name} differ by ${apart} of ${largest}.`);
    error = Math.max(error, apart / largest);
  }
  tf.dispose([expected, got] as unknown as tf.TensorContainer);
  return { tensorBytes: numBytes + peak, error };
}

/** Both ways, of adapters and of all weights; in bicot's usual kernels. */
export async function openLean(size: Size): Promise<Session> {
  const kernels = { kernels: 'fused', fma: false } as const;
  await useKernels(kernels);
  const sizes = leanSizes(size);
  const samples = leanSamples(sizes);
  const models: LeanModel[] = [];
  const variants: RunnableVariant[] = [];
  const steps: readonly [name: string, step: LeanStep][] = [
    ['all at once', straightforward],
    ['little memory', memorySaving(true)],
    ['little memory, half of the blocks computed again', memorySaving(Math.ceil(sizes.layers / 2))],
  ];
  const groups: readonly [group: string, trained: Trained][] = [
    ['adapters', 'adapters'],
    ['all weights', 'all'],
  ];
  for (const [group, trained] of groups) {
    const model = leanModel(sizes, trained);
    models.push(model);
    for (const [name, step] of steps) {
      const run = async (): Promise<void> => {
        const gradients = step(model, samples);
        await Promise.all(Object.values(gradients).map((gradient) => gradient.data()));
        tf.dispose(gradients as tf.NamedTensorMap);
      };
      // Tensors of the other models are none of this one's bytes.
      const before = tf.memory().numBytes - weightBytes(model);
      const { tensorBytes, error } = await leanCost(step, model, samples);
      const costs = { tensorBytes: tensorBytes - before, error };
      variants.push({ name, group, check: {}, ...costs, run, before: () => useKernels(kernels) });
    }
  }
  return { variants, dispose: () => models.forEach((model) => void model.dispose()) };
}

function weightBytes({ tensors }: LeanModel): number {
  return tensors.reduce((sum, { size }) => sum + 4 * size, 0);
}
