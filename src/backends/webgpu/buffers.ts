import { BicotError } from '../../errors.js';
import type { BufferManager, WebGpuBackend } from './backend.js';
import { webGpuLimits } from './limits.js';

/** Free buffers that are always worth keeping. */
const KEPT_BYTES = 256 * 2 ** 20;

/**
 * Mends two things of TensorFlow.js's store of buffers. A buffer larger than the device allows is refused: without it
 * the tensor would be garbage. And free buffers, which it keeps by their exact sizes for ever, are given back once they
 * take more than those in use: sequences of ever other lengths would fill the GPU.
 */
export function guardBuffers(backend: WebGpuBackend): void {
  const manager = backend.bufferManager;
  const { tensorBytes } = webGpuLimits(backend);
  const acquire = manager.acquireBuffer.bind(manager);
  manager.acquireBuffer = (size, usage, mapped, reuse) => {
    if (size > tensorBytes) {
      throw new BicotError(
        'backend',
        `A tensor of ${size} bytes is larger than this GPU's WebGPU allows for one, ${tensorBytes} bytes. Use a smaller microBatch, fewer rows at once, or a model whose tables are read in pieces; or another backend.`,
      );
    }
    if (freeBytes(manager) > Math.max(KEPT_BYTES, manager.numBytesUsed)) giveBack(manager);
    return acquire(size, usage, mapped, reuse);
  };
}

const freeBytes = ({ numBytesAllocated, numBytesUsed }: BufferManager): number =>
  numBytesAllocated - numBytesUsed;

/** Buffers are free once what uses them was submitted; the device keeps their memory until that is done. */
function giveBack(manager: BufferManager): void {
  for (const buffers of manager.freeBuffers.values()) {
    for (const buffer of buffers.splice(0)) {
      manager.numBytesAllocated -= buffer.size;
      manager.numFreeBuffers--;
      buffer.destroy();
    }
  }
}
