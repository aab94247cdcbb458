import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { VqDecoderConfig } from './config.js';
import { tfjsVqShape } from './layout.js';
import { vqParameterShapes } from './names.js';
import { assembleVq, type VqParts } from './parts.js';

/** The decoder's tensors in TensorFlow.js's layout. They are constants: nothing trains them. */
export type VqParameters = VqParts<tf.Tensor>;

/**
 * Puts the decoder together.
 * @param tensor gives the tensor of a name (original layout, no prefix) as `toTfjsLayout` makes it
 * @returns owns the tensors; free them with `disposeVqParameters`
 * @throws BicotError `checkpoint` naming every tensor that is missing, of another shape or not float32; the caller then
 * still owns them
 */
export function vqParameters(
  config: VqDecoderConfig,
  tensor: (name: string) => tf.Tensor | undefined,
): VqParameters {
  const found = new Map<string, tf.Tensor>();
  const faults: string[] = [];
  for (const { name, shape } of vqParameterShapes(config)) {
    const given = tensor(name);
    const wanted = tfjsVqShape(name, shape);
    if (given === undefined) faults.push(`${name} is missing`);
    else if (given.shape.join() !== wanted.join() || given.dtype !== 'float32') {
      faults.push(
        `${name} is ${given.dtype} [${given.shape.join(', ')}] instead of float32 [${wanted.join(', ')}]`,
      );
    } else found.set(name, given);
  }
  if (faults.length > 0) {
    const shown = faults.slice(0, 5).join('; ');
    const more = faults.length > 5 ? `; and ${faults.length - 5} more` : '';
    throw new BicotError(
      'checkpoint',
      `vqParameters: these are not the tensors of this decoder: ${shown}${more}. Check the sizes in vqDecoderConfig, and that each tensor was given to toTfjsLayout.`,
    );
  }
  return assembleVq(config, ({ name }) => found.get(name) as tf.Tensor);
}

/** Frees the decoder's tensors. Safe to call twice. */
export function disposeVqParameters(parameters: VqParameters): void {
  tf.dispose(parameters as unknown as tf.TensorContainer);
}
