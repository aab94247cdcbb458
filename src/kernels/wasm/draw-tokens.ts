import type * as tf from '@tensorflow/tfjs';
import { DRAW_TOKENS } from '../fused/draw-tokens.js';
import type { WasmKernel } from './kernel.js';

/** Inverse-CDF draws from the host's uniform numbers. */
export const DRAW_TOKENS_KERNELS: readonly WasmKernel[] = [
  {
    name: DRAW_TOKENS,
    compute: ({ call, output, pointer, scratch }, inputs, { scale, temperature, guided }) => {
      const { logits, uniforms } = inputs as { logits: tf.TensorInfo; uniforms: tf.TensorInfo };
      const [rows] = uniforms.shape as [number];
      const vocabulary = logits.shape[1] as number;
      const drawn = output([3, rows]);
      const conditional = pointer(logits);
      const ids = pointer(drawn);
      call(
        'drawTokens',
        ...[rows, vocabulary, conditional, guided ? conditional + 4 * rows * vocabulary : 0],
        ...[scale as number, 1 / (temperature as number), pointer(uniforms)],
        ...[ids, ids + 4 * rows, ids + 8 * rows, scratch(8 * vocabulary)],
      );
      return drawn;
    },
  },
];
