import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import type { NamedVariables } from '../policy/policy.js';
import type { HostTensor } from './safetensors.js';

/** Copies the values of a policy's variables to the host, ready for `encodeSafetensors`. */
export async function exportWeights(variables: NamedVariables): Promise<Record<string, HostTensor>> {
  const tensors: Record<string, HostTensor> = {};
  for (const [name, variable] of Object.entries(variables)) {
    // Copied: the cpu backend hands out the variable's own memory.
    const data = Float32Array.from(await variable.data());
    tensors[name] = { dtype: 'F32', shape: variable.shape, data };
  }
  return tensors;
}

/**
 * Assigns copies of host tensors to variables by name. Nothing is assigned unless everything fits.
 * @param tensors of dtype F32, as `exportWeights` and `decodeSafetensors` give them (which widens F16 and BF16)
 * @param what where the tensors come from, for error messages
 * @throws BicotError `safetensors` naming what is missing, left over, of another shape or another number format
 */
export function importWeights(
  variables: NamedVariables,
  tensors: Readonly<Record<string, HostTensor>>,
  what = 'weights',
): void {
  const missing = Object.keys(variables).filter((name) => !Object.hasOwn(tensors, name));
  const extra = Object.keys(tensors).filter((name) => !Object.hasOwn(variables, name));
  const misshapen = Object.entries(variables)
    .filter(([name, v]) => Object.hasOwn(tensors, name) && tensors[name]?.shape.join() !== v.shape.join())
    .map(([name, v]) => `${name} [${tensors[name]?.shape.join(', ')}] instead of [${v.shape.join(', ')}]`);
  const foreign = Object.keys(variables)
    .filter((name) => Object.hasOwn(tensors, name) && tensors[name]?.dtype !== 'F32')
    .map((name) => `${name} ${tensors[name]?.dtype}`);
  if (missing.length + extra.length + misshapen.length + foreign.length > 0) {
    const list = (label: string, names: string[]) =>
      names.length > 0 ? ` ${label}: ${names.join(', ')}.` : '';
    throw new BicotError(
      'safetensors',
      `${what} do not fit this model.${list('Missing', missing)}${list('Left over', extra)}${list('Of another shape', misshapen)}${list('Not of the number format F32', foreign)} Check that the configuration is the one the weights were saved with.`,
    );
  }
  for (const [name, variable] of Object.entries(variables)) {
    const { data, shape } = tensors[name] as HostTensor;
    // Copied: on the cpu backend the caller's array would become the weights.
    const value = tf.tensor(Float32Array.from(data), [...shape], 'float32');
    variable.assign(value);
    value.dispose();
  }
}
