import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { WASM_MEMORY_BYTES, type WasmBackend, wasmBackend } from './wasm-memory.js';

/** The end of the memory: what is asked of malloc is taken modulo 2³². */
const MAX_BYTES = WASM_MEMORY_BYTES - 1;

/**
 * A float32 tensor whose numbers come piece by piece. On wasm they are written to the tensor's own memory, so that they
 * never exist twice; elsewhere into an array that becomes the tensor's.
 * @param fill writes all of them to what `values` gives, which must be asked for again after every await: the memory may
 *   have moved meanwhile
 * @returns the caller disposes it; nothing is left if `fill` fails
 * @throws BicotError `backend` if the wasm backend's memory is full
 */
export async function filledTensor(
  shape: readonly number[],
  fill: (values: () => Float32Array) => Promise<void>,
): Promise<tf.Tensor> {
  const wasm = wasmBackend();
  if (wasm) return filledOnWasm(wasm, [...shape], fill);
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  await fill(() => values);
  return tf.tensor(values, [...shape], 'float32');
}

async function filledOnWasm(
  backend: WasmBackend,
  shape: number[],
  fill: (values: () => Float32Array) => Promise<void>,
): Promise<tf.Tensor> {
  const bytes = 4 * tf.util.sizeFromShape(shape);
  if (bytes > MAX_BYTES) throw outOfMemory(shape, bytes);
  const info = backend.makeOutput(shape, 'float32');
  const tensor = tf.engine().makeTensorFromTensorInfo(info, backend);
  try {
    const { memoryOffset } = backend.dataIdMap.get(info.dataId);
    if (memoryOffset === 0 && tensor.size > 0) throw outOfMemory(shape, bytes);
    await fill(() => new Float32Array(backend.wasm.HEAPU8.buffer, memoryOffset, tensor.size));
    return tensor;
  } catch (error) {
    tensor.dispose();
    throw error;
  }
}

function outOfMemory(shape: readonly number[], bytes: number): BicotError {
  return new BicotError(
    'backend',
    `The wasm backend has no room for the ${bytes} bytes of [${shape.join(', ')}]; its memory ends at 4 GiB. Use a smaller model, or a backend without that limit (tfjs-node).`,
  );
}
