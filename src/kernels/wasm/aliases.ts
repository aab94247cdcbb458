import * as tf from '@tensorflow/tfjs';

interface CountingBackend extends tf.KernelBackend {
  incRef(dataId: object): void;
}

/**
 * TensorFlow.js clones every tensor that a gradient keeps, and on wasm its `Identity`, as a `Cast` to the same type,
 * copies the numbers. Tensors never change, so another reference to the same numbers will do, as on other backends.
 */
export function aliasClones(): void {
  const alias = (x: tf.TensorInfo, backend: unknown): tf.TensorInfo => {
    (backend as CountingBackend).incRef(x.dataId);
    return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
  };
  replace('Identity', (copy) => (args) => {
    const { x } = args.inputs as { x: tf.TensorInfo };
    return x.dtype === 'string' ? copy(args) : alias(x, args.backend);
  });
  replace('Cast', (cast) => (args) => {
    const { x } = args.inputs as { x: tf.TensorInfo };
    const same = x.dtype === (args.attrs as { dtype?: string } | undefined)?.dtype && x.dtype !== 'string';
    return same ? alias(x, args.backend) : cast(args);
  });
}

function replace(kernelName: string, by: (old: tf.KernelFunc) => tf.KernelFunc): void {
  const old = tf.getKernel(kernelName, 'wasm');
  if (!old) return;
  tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...old, kernelFunc: by(old.kernelFunc) });
}
