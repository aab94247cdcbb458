import { BicotError } from '../errors.js';

/**
 * Throws unless a tensor has exactly this shape, so that a `[B, 1]` against `[B]` slip fails here instead of
 * broadcasting.
 * @param what who is checking and which argument, e.g. `grpoLoss: logProbs`
 * @param tensor anything with a shape
 * @param expected sizes; `null` accepts any
 * @param letters the shape in the library's letters, e.g. `[N, T]`
 * @throws BicotError `shape`
 */
export function assertShape(
  what: string,
  tensor: { readonly shape: readonly number[] },
  expected: readonly (number | null)[],
  letters?: string,
): void {
  const shape = (tensor as { readonly shape?: readonly number[] } | null | undefined)?.shape;
  if (!Array.isArray(shape)) {
    throw new BicotError('shape', `${what} is ${describe(tensor)}, but a tensor is needed.`);
  }
  const fits =
    shape.length === expected.length && expected.every((size, axis) => size === null || size === shape[axis]);
  if (!fits) {
    const wanted = `[${expected.map((size) => (size === null ? 'any' : size)).join(', ')}]`;
    throw new BicotError(
      'shape',
      `${what} has shape [${shape.join(', ')}] but ${wanted}${letters ? ` = ${letters}` : ''} is needed. Reshape it, or check the argument before it.`,
    );
  }
}

/** A value that should have been a tensor, in a word or two. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/**
 * Throws unless all tensors hold float32 numbers: kernels read other types' bytes as if they did, or past their end.
 * @param what who is checking
 * @param tensors by argument name; absent ones pass
 * @throws BicotError `value`
 */
export function assertFloat(
  what: string,
  tensors: Readonly<Record<string, { readonly dtype: string } | undefined>>,
): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor === undefined || tensor.dtype === 'float32') continue;
    throw new BicotError(
      'value',
      `${what}: ${name} has dtype ${tensor.dtype}, but float32 is needed. Convert it with tf.cast(x, 'float32').`,
    );
  }
}

/**
 * Throws unless an array has this many elements.
 * @throws BicotError `shape`
 */
export function assertLength(
  what: string,
  array: { readonly length: number },
  expected: number,
  letters?: string,
): void {
  if (array.length !== expected) {
    throw new BicotError(
      'shape',
      `${what} has ${array.length} elements but ${expected}${letters ? ` = ${letters}` : ''} are needed.`,
    );
  }
}

/**
 * Throws unless every number is finite.
 * @throws BicotError `non-finite`, naming the first offender
 */
export function assertFinite(what: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new BicotError(
        'non-finite',
        `${what}: value ${values[i]} at position ${i} is not a finite number.`,
      );
    }
  }
}
