import * as tf from '@tensorflow/tfjs';
import type { TensorSource } from '../checkpoints/source.js';
import { toTfjsLayout } from './layout.js';
import type { NamedShape } from './parts.js';

/**
 * Reads one of the decoder's tensors, as `vqParameters` wants it.
 * @param parameter by its name in the original layout, without prefix, with PyTorch's shape
 * @param stored what the checkpoint calls it
 * @returns the caller disposes it
 */
export async function readVqParameter(
  source: TensorSource,
  { name, shape }: NamedShape,
  stored: string,
): Promise<tf.Tensor> {
  const turned = toTfjsLayout(name, shape, await source.readFloats(stored));
  return tf.tensor(turned.values, turned.shape);
}
