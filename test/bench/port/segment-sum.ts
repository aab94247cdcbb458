import * as tf from '@tensorflow/tfjs';

/**
 * `tf.gather` has no gradient on wasm: the kernel that it needs is missing. This one sums on the heap, row by row;
 * without it a straightforward port does not train at all.
 */
export function registerSegmentSum(): void {
  if (tf.getKernel('UnsortedSegmentSum', 'wasm') !== undefined) return;
  tf.registerKernel({
    kernelName: 'UnsortedSegmentSum',
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
      const { numSegments } = attrs as unknown as { numSegments: number };
      const wasm = backend as tf.KernelBackend & { readSync(id: object): Float32Array | Int32Array };
      const values = wasm.readSync(x.dataId);
      const ids = wasm.readSync(segmentIds.dataId);
      const width = values.length / ids.length;
      const sums = new Float32Array(numSegments * width);
      for (let row = 0; row < ids.length; row++) {
        const target = (ids[row] as number) * width;
        for (let i = 0; i < width; i++) {
          sums[target + i] = (sums[target + i] as number) + (values[row * width + i] as number);
        }
      }
      const shape = [numSegments, ...x.shape.slice(1)];
      return { dataId: wasm.write(sums, shape, 'float32'), shape, dtype: 'float32' };
    },
  });
}
