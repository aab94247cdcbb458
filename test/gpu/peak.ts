import * as tf from '@tensorflow/tfjs';
import { peakMegabytes } from '../bench/hosts/memory.js';
import { trackBytes } from '../support/peak-bytes.js';
import type { PeakBytes } from './janus/protocol.js';

/** The part of TensorFlow.js's webgpu backend that gives out memory of the GPU. */
interface BufferManager {
  readonly numBytesAllocated: number;
  acquireBuffer(...args: unknown[]): unknown;
}

/** Counts memory from now on: that of tensors, of buffers on WebGPU, of the process. */
export function watchMemory(): () => PeakBytes {
  const tensors = trackBytes();
  const buffers = watchBuffers();
  return () => ({
    tensors: tensors.peak(),
    ...(buffers && { 'GPU buffers': buffers() }),
    process: Math.round(peakMegabytes() * 2 ** 20),
  });
}

/** The most that WebGPU's buffers have taken, those included that wait to be used again. */
function watchBuffers(): (() => number) | undefined {
  const { bufferManager } = tf.backend() as { readonly bufferManager?: BufferManager };
  if (!bufferManager) return undefined;
  const { acquireBuffer } = bufferManager;
  let peak = bufferManager.numBytesAllocated;
  bufferManager.acquireBuffer = function (...args) {
    const buffer = acquireBuffer.apply(this, args);
    peak = Math.max(peak, this.numBytesAllocated);
    return buffer;
  };
  return () => peak;
}
