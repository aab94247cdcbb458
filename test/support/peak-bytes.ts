import * as tf from '@tensorflow/tfjs';
import { currentKernels } from '../../src/kernels/choice.js';

/** Counts the bytes of tensors while it runs. */
export interface ByteTracker {
  /** The most at once beyond those that were there before. */
  peak(): number;
  stop(): void;
}

/** Begins to count. Clones share their numbers and count once, which `tf.memory().numBytes` does not do. */
export function trackBytes(): ByteTracker {
  // Brings bicot's kernels onto wasm, whichever are chosen: until then a clone there is a copy, and would be counted.
  currentKernels();
  const engine = tf.engine() as unknown as Tracking;
  const { trackTensor, removeDataId } = engine;
  const { tensorInfo } = engine.state;
  let [present, peak] = [0, 0];
  engine.trackTensor = function (tensor, backend) {
    const isNew = !tensorInfo.has(tensor.dataId);
    trackTensor.call(this, tensor, backend);
    if (isNew) present += tensorInfo.get(tensor.dataId)?.bytes ?? 0;
    peak = Math.max(peak, present);
  };
  engine.removeDataId = function (dataId, backend) {
    present -= tensorInfo.get(dataId)?.bytes ?? 0;
    removeDataId.call(this, dataId, backend);
  };
  return { peak: () => peak, stop: () => void Object.assign(engine, { trackTensor, removeDataId }) };
}

/** The most bytes of tensors that an action has at once beyond those that were there before. */
export function peakBytes(action: () => void): number {
  const tracker = trackBytes();
  try {
    action();
  } finally {
    tracker.stop();
  }
  return tracker.peak();
}

/** What TensorFlow.js does when a tensor comes and its data goes. */
interface Tracking {
  trackTensor(tensor: tf.TensorInfo, backend?: tf.KernelBackend): void;
  removeDataId(dataId: object, backend: tf.KernelBackend): void;
  readonly state: { readonly tensorInfo: WeakMap<object, { readonly bytes: number }> };
}
