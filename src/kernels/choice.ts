import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { CAUSAL_ATTENTION_GRADIENTS } from './fused/causal-attention.js';
import { EMBEDDING_GRADIENTS } from './fused/embedding.js';
import { LINEAR_GRADIENTS } from './fused/linear.js';
import { RMS_NORM_GRADIENTS } from './fused/rms-norm.js';
import { SWIGLU_GRADIENTS } from './fused/swiglu.js';
import { TOKEN_LOG_PROBS_GRADIENTS } from './fused/token-log-probs.js';
import { hasRelaxedSimd } from './relaxed-simd.js';

/** Which kernels compute bicot's operations. */
export type KernelChoice = 'fused' | 'composed';

/** More about `setKernels`. */
export interface KernelOptions {
  /**
   * On wasm, the relaxed-SIMD build, whose products and sums are fused: faster, and the last bits depend on the machine.
   * Default false, the plain build, whose results are the same bits on every machine.
   */
  readonly fma?: boolean;
}

let choice: KernelChoice = 'fused';
let fma = false;
let gradientsRegistered = false;

/** The backends' kernels, each once it was loaded: compiled code and shaders that nobody should pay for on another backend. */
let wasm: typeof import('./wasm/install.js') | undefined;
let webgpu: typeof import('./webgpu/install.js') | undefined;

/**
 * Loads the fused kernels of the present backend, if it is wasm or WebGPU and they are not there yet; until then operations
 * are composed of stock ones. `selectBackend` and whatever trains, samples, checks or loads a model does it, so call it only
 * before operations of your own (`linear`, `attention`) on a backend that was started with `tf.setBackend`.
 */
export async function loadKernels(): Promise<void> {
  const name = tf.getBackend();
  if (name === 'wasm') wasm ??= await import('./wasm/install.js');
  if (name === 'webgpu') webgpu ??= await import('./webgpu/install.js');
}

/**
 * Chooses between fused kernels, where the backend has them (the default: wasm and WebGPU have them once `loadKernels` was called,
 * others when somebody registers them), and operations composed of TensorFlow.js's own, which run everywhere and are what the fused ones are
 * tested against. Takes effect for what is computed from then on.
 * @throws BicotError `value`, or `unsupported` if `fma` is asked of an engine without relaxed SIMD
 */
export function setKernels(kernels: KernelChoice, options: KernelOptions = {}): void {
  if (kernels !== 'fused' && kernels !== 'composed') {
    throw new BicotError('value', `setKernels: kernels is '${kernels}' but must be 'fused' or 'composed'.`);
  }
  if (options.fma && !hasRelaxedSimd()) {
    throw new BicotError(
      'unsupported',
      'setKernels: fma needs WebAssembly with relaxed SIMD, which this engine does not have. Use Node 22 or newer, or leave fma out.',
    );
  }
  choice = kernels;
  fma = options.fma ?? false;
}

/** What `setKernels` was told, as its arguments. */
export type KernelSetting = readonly [kernels: KernelChoice, options: KernelOptions];

/** What `setKernels` was told last: give it to `setKernels` to return to it, or in another thread. */
export function kernelSetting(): KernelSetting {
  return [choice, { fma }];
}

/** What `setKernels` chose, and whether the present backend has fused kernels at all, for some operations or all. */
export function currentKernels(): {
  /** What `setKernels` was told; `fused` until then. */
  readonly kernels: KernelChoice;
  /** Whether the relaxed-SIMD build was asked for. */
  readonly fma: boolean;
  /** Whether the present backend has fused kernels of any operation. */
  readonly available: boolean;
} {
  const own = () =>
    tf.getKernelsForBackend(tf.getBackend()).some(({ kernelName }) => kernelName.startsWith('Bicot'));
  return { kernels: choice, fma, available: fusedKernelsInstalled() && own() };
}

/**
 * Whether a fused kernel computes an operation on these tensors: chosen, registered for the present backend, nothing is
 * empty, and all have the types whose bytes it reads.
 * @param floats must be float32
 * @param ids must be int32
 */
export function isFused(name: string, floats: readonly tf.Tensor[], ids: readonly tf.Tensor[] = []): boolean {
  return (
    choice === 'fused' &&
    fusedKernelsInstalled() &&
    tf.getKernel(name, tf.getBackend()) !== undefined &&
    floats.every(({ size, dtype }) => size > 0 && dtype === 'float32') &&
    ids.every(({ size, dtype }) => size > 0 && dtype === 'int32')
  );
}

/** Brings bicot's kernels, once loaded, onto wasm and WebGPU when they are first asked for; other backends have what was registered. */
function fusedKernelsInstalled(): boolean {
  const name = tf.getBackend();
  if (!gradientsRegistered) registerGradients();
  if (name === 'webgpu') webgpu?.installWebGpuKernels();
  return name !== 'wasm' || (wasm?.installWasmKernels(tf.backend(), () => fma) ?? false);
}

/** Gradients are of operations, not of backends: a kernel for another one needs none of its own. */
function registerGradients(): void {
  gradientsRegistered = true;
  const gradients = [
    ...[...LINEAR_GRADIENTS, ...RMS_NORM_GRADIENTS, ...SWIGLU_GRADIENTS, ...EMBEDDING_GRADIENTS],
    ...[...CAUSAL_ATTENTION_GRADIENTS, ...TOKEN_LOG_PROBS_GRADIENTS],
  ];
  for (const gradient of gradients) if (!tf.getGradient(gradient.kernelName)) tf.registerGradient(gradient);
}
