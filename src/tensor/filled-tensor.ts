import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';

/** The parts of TensorFlow.js's wasm backend (4.x) that its own kernels use. */
interface WasmBackend extends tf.KernelBackend {
  readonly wasm: { readonly HEAPU8: Uint8Array };
  readonly dataIdMap: { get(id: object): { readonly memoryOffset: number } };
  makeOutput(shape: number[], dtype: string): tf.TensorInfo;
}

/** The end of the memory. */
const MAX_BYTES = 2 ** 32 - 1;

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
  if (tf.getBackend() === 'wasm') return filledOnWasm(tf.backend() as WasmBackend, [...shape], fill);
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
  // What is asked of malloc is taken modulo 2³².
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
