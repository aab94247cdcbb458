import * as tf from '@tensorflow/tfjs';
import { currentKernels, type KernelChoice, type KernelOptions, loadKernels, setKernels } from './choice.js';

/** Which kernels a backend is started with. */
export interface KernelSettings extends KernelOptions {
  /** Fused kernels where the backend has them, or stock operations only; see `setKernels`. Default `fused`. */
  readonly kernels?: KernelChoice;
}

/**
 * Loads and chooses the kernels of a backend that was just started.
 * @param engine what it is, in words
 * @returns the same with the kernels
 * @throws BicotError as `setKernels`
 */
export async function chooseKernels(
  engine: string,
  { kernels = 'fused', fma = false }: KernelSettings,
): Promise<string> {
  await loadKernels();
  setKernels(kernels, { fma });
  const { available } = currentKernels();
  // wasm is expected to have them, and has said why it has not.
  if (!available && tf.getBackend() !== 'wasm') return engine;
  if (kernels === 'composed' || !available) return `${engine}, stock operations`;
  return `${engine}, fused kernels${fma ? ' with FMA' : ''}`;
}
