/** Row-major numbers on the host. */
export type HostNumbers = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * Some rows of a matrix on the host, in the order given, cut to their first columns.
 * @param values `[R · stride]`
 * @param rows places in `[0, R)`
 * @param width columns that are kept; default all
 * @returns `[rows.length · width]`, memory of its own
 */
export function pickHostRows<A extends HostNumbers>(
  values: A,
  stride: number,
  rows: readonly number[],
  width = stride,
): A {
  const picked = new (values.constructor as new (length: number) => A)(rows.length * width);
  rows.forEach((row, place) => {
    picked.set(values.subarray(row * stride, row * stride + width), place * width);
  });
  return picked;
}

/**
 * Puts rows back where `pickHostRows` took them from; what lies beyond `width` in a row stays as it is.
 * @param into `[R · stride]`, written to
 * @param values `[rows.length · width]`
 */
export function scatterHostRows<A extends HostNumbers>(
  into: A,
  stride: number,
  rows: readonly number[],
  values: A,
  width = stride,
): void {
  rows.forEach((row, place) => {
    into.set(values.subarray(place * width, (place + 1) * width), row * stride);
  });
}
