import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import type { NamedVariables } from '../policy/policy.js';
import type { HostTensor } from './safetensors.js';

/** Copies the values of a policy's variables to the host, ready for `encodeSafetensors`. */
export async function exportWeights(variables: NamedVariables): Promise<Record<string, HostTensor>> {
  const tensors: Record<string, HostTensor> = {};
  for (const [name, variable] of Object.entries(variables)) {
    const data = (await variable.data()) as Float32Array;
    tensors[name] = { dtype: 'F32', shape: variable.shape, data };
  }
  return tensors;
}

/**
 * Assigns host tensors to variables by name. Nothing is assigned unless everything fits.
 * @param what where the tensors come from, for error messages
 * @throws BicotError `safetensors` naming what is missing, left over or of another shape
 */
export function importWeights(
  variables: NamedVariables,
  tensors: Readonly<Record<string, HostTensor>>,
  what = 'weights',
): void {
  const missing = Object.keys(variables).filter((name) => !(name in tensors));
  const extra = Object.keys(tensors).filter((name) => !(name in variables));
  const misshapen = Object.entries(variables)
    .filter(([name, v]) => name in tensors && tensors[name]?.shape.join() !== v.shape.join())
    .map(([name, v]) => `${name} [${tensors[name]?.shape.join(', ')}] instead of [${v.shape.join(', ')}]`);
  if (missing.length + extra.length + misshapen.length > 0) {
    const list = (label: string, names: string[]) =>
      names.length > 0 ? ` ${label}: ${names.join(', ')}.` : '';
    throw new BicotError(
      'safetensors',
      `${what} do not fit this model.${list('Missing', missing)}${list('Left over', extra)}${list('Of another shape', misshapen)} Check that the configuration is the one the weights were saved with.`,
    );
  }
  for (const [name, variable] of Object.entries(variables)) {
    const { data, shape } = tensors[name] as HostTensor;
    const value = tf.tensor(data as Float32Array, [...shape], 'float32');
    variable.assign(value);
    value.dispose();
  }
}
