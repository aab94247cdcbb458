import { ADAM_W_KERNELS } from './adamw.js';
import { CAUSAL_ATTENTION_KERNELS } from './causal-attention.js';
import { DECODE_BLOCKS_KERNELS } from './decode-blocks.js';
import { DRAW_TOKENS_KERNELS } from './draw-tokens.js';
import { EMBEDDING_KERNELS } from './embedding.js';
import { registerKernels, type WebGpuKernel } from './kernel.js';
import { KEY_VALUE_CACHE_KERNELS } from './key-value-cache.js';
import { LINEAR_KERNELS } from './linear.js';
import { PACKED_LINEAR_KERNELS } from './packed-linear.js';
import { RMS_NORM_KERNELS } from './rms-norm.js';
import { SWIGLU_KERNELS } from './swiglu.js';
import { TOKEN_LOG_PROBS_KERNELS } from './token-log-probs.js';

/** All kernels in WGSL. */
export const WEBGPU_KERNELS: readonly WebGpuKernel[] = [
  ...ADAM_W_KERNELS,
  ...CAUSAL_ATTENTION_KERNELS,
  ...DECODE_BLOCKS_KERNELS,
  ...DRAW_TOKENS_KERNELS,
  ...EMBEDDING_KERNELS,
  ...KEY_VALUE_CACHE_KERNELS,
  ...LINEAR_KERNELS,
  ...PACKED_LINEAR_KERNELS,
  ...RMS_NORM_KERNELS,
  ...SWIGLU_KERNELS,
  ...TOKEN_LOG_PROBS_KERNELS,
];

let registered = false;

/** Brings the kernels onto the WebGPU backend; at once if it has them. */
export function installWebGpuKernels(): void {
  if (registered) return;
  registered = true;
  registerKernels(WEBGPU_KERNELS);
}
