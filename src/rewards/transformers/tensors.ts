import { BicotError } from '../../errors.js';
import type { OnnxTensor, OnnxTensors } from './package.js';

const isTensor = (value: unknown): value is OnnxTensor =>
  typeof value === 'object' &&
  value !== null &&
  'dims' in value &&
  typeof (value as Partial<OnnxTensor>).dispose === 'function';

/**
 * Frees all tensors among named values. On a GPU nobody else does; one that was freed before is passed over by the
 * runtime.
 */
export function disposeTensors(...groups: readonly (OnnxTensors | undefined)[]): void {
  for (const group of groups) {
    for (const value of Object.values(group ?? {})) if (isTensor(value)) value.dispose();
  }
}

/** Numbers of a tensor, row-major, with its shape. */
export interface Numbers {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

/**
 * The numbers of one output, as a copy that outlives its tensor.
 * @param rank how many dimensions it must have
 * @throws BicotError `unsupported` if the model has no such output, or one of another rank
 */
export function outputNumbers(where: string, outputs: OnnxTensors, name: string, rank: number): Numbers {
  const tensor = outputs[name];
  if (!isTensor(tensor) || tensor.dims.length !== rank) {
    const found = isTensor(tensor) ? `is [${tensor.dims.join(', ')}]` : 'is missing';
    throw new BicotError(
      'unsupported',
      `${where}: the model's output ${name} ${found}, but must have ${rank} dimensions (it gives ${Object.keys(outputs).join(', ')}). Export the model with the usual outputs of its architecture.`,
    );
  }
  return { data: Float32Array.from(tensor.data as ArrayLike<number>), dims: [...tensor.dims] };
}
