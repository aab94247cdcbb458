import type * as tf from '@tensorflow/tfjs';
import { ADAM_W_KERNELS } from './adamw.js';
import { aliasClones } from './aliases.js';
import { CAUSAL_ATTENTION_KERNELS } from './causal-attention.js';
import { DECODE_BLOCKS_KERNELS } from './decode-blocks.js';
import { DRAW_TOKENS_KERNELS } from './draw-tokens.js';
import { EMBEDDING_KERNELS } from './embedding.js';
import { registerKernels } from './kernel.js';
import { KEY_VALUE_CACHE_KERNELS } from './key-value-cache.js';
import { LINEAR_KERNELS } from './linear.js';
import { instantiateKernels, type WasmKernels } from './module.js';
import { PACKED_LINEAR_KERNELS } from './packed-linear.js';
import { RMS_NORM_KERNELS } from './rms-norm.js';
import { SWIGLU_KERNELS } from './swiglu.js';
import { TOKEN_LOG_PROBS_KERNELS } from './token-log-probs.js';

/** The plain and the relaxed-SIMD build on one backend's memory; undefined until first used. */
interface Builds {
  plain?: WasmKernels;
  fma?: WasmKernels;
}

const backends = new WeakMap<tf.KernelBackend, Builds | 'unusable'>();
let registered = false;

/**
 * Brings the kernels onto a wasm backend; at once if it has them.
 * @param fma which build a call runs, asked at each
 * @returns false where the backend is not one that they can work on, after a warning
 */
export function installWasmKernels(backend: tf.KernelBackend, fma: () => boolean): boolean {
  const known = backends.get(backend);
  if (known !== undefined) return known !== 'unusable';
  try {
    backends.set(backend, { plain: instantiateKernels(backend, false) });
  } catch (cause) {
    backends.set(backend, 'unusable');
    console.warn(
      `bicot: this wasm backend cannot run the fused kernels (${cause}); using TensorFlow.js's own operations, which are slower. The kernels need SIMD and the backend without threads (setThreadsCount(1)).`,
    );
    return false;
  }
  if (!registered) {
    registered = true;
    aliasClones();
    registerKernels(
      [
        ...[...LINEAR_KERNELS, ...RMS_NORM_KERNELS, ...SWIGLU_KERNELS, ...EMBEDDING_KERNELS],
        ...[...CAUSAL_ATTENTION_KERNELS, ...TOKEN_LOG_PROBS_KERNELS, ...ADAM_W_KERNELS],
        ...[...PACKED_LINEAR_KERNELS, ...KEY_VALUE_CACHE_KERNELS, ...DECODE_BLOCKS_KERNELS],
        ...DRAW_TOKENS_KERNELS,
      ],
      (of) => kernelsOf(of, fma()),
    );
  }
  return true;
}

function kernelsOf(backend: tf.KernelBackend, fma: boolean): WasmKernels {
  const builds = backends.get(backend) as Builds;
  const build = fma ? 'fma' : 'plain';
  builds[build] ??= instantiateKernels(backend, fma);
  return builds[build];
}
