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
  const { shape } = tensor;
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
