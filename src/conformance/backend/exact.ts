/** What operations compute, in float64 and plain JavaScript: nothing of TensorFlow.js. */

/** Which entry of an input each entry of a broadcast output reads. */
function broadcastIndex(shape: readonly number[], to: readonly number[]): (index: number) => number {
  const padded = [...new Array<number>(to.length - shape.length).fill(1), ...shape];
  return (index) => {
    let [rest, at, stride] = [index, 0, 1];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const place = rest % (to[axis] as number);
      rest = Math.floor(rest / (to[axis] as number));
      if (padded[axis] !== 1) at += place * stride;
      stride *= padded[axis] as number;
    }
    return at;
  };
}

/** The shape that shapes broadcast to. */
function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  );
}

/** A function of numbers, entry by entry, with broadcasting. */
export function pointwise(
  f: (...values: number[]) => number,
  ...shapes: readonly (readonly number[])[]
): (...inputs: readonly Float64Array[]) => [Float64Array] {
  const shape = broadcastShape(shapes);
  const reads = shapes.map((each) => broadcastIndex(each, shape));
  const size = shape.reduce((product, side) => product * side, 1);
  return (...inputs) => [
    Float64Array.from({ length: size }, (_, i) =>
      f(...inputs.map((values, k) => values[(reads[k] as (index: number) => number)(i)] as number)),
    ),
  ];
}

/** A function of each row of `[…, columns]`. */
export function byRow(
  columns: number,
  f: (row: Float64Array) => ArrayLike<number>,
): (x: Float64Array) => [Float64Array] {
  return (x) => {
    const rows = Array.from({ length: x.length / columns }, (_, r) =>
      Array.from(f(x.subarray(r * columns, (r + 1) * columns))),
    );
    return [Float64Array.from(rows.flat())];
  };
}

/** log Σ exp. */
export function logSumExp(values: ArrayLike<number>): number {
  const list = Array.from(values);
  const max = Math.max(...list);
  return max + Math.log(list.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

/** Softmax of a row. */
export function softmax(row: ArrayLike<number>): number[] {
  const normalizer = logSumExp(row);
  return Array.from(row, (value) => Math.exp(value - normalizer));
}

/** `[n, k] · [k, m]`, entries by functions, so that either side can be read transposed. */
export function product(
  [n, k, m]: readonly [number, number, number],
  a: (row: number, column: number) => number,
  b: (row: number, column: number) => number,
): Float64Array {
  return Float64Array.from({ length: n * m }, (_, at) => {
    const [i, j] = [Math.floor(at / m), at % m];
    let sum = 0;
    for (let l = 0; l < k; l++) sum += a(i, l) * b(l, j);
    return sum;
  });
}

/** `x · w` of row-major matrices. */
export function times(x: ArrayLike<number>, w: ArrayLike<number>, inner: number): Float64Array {
  const [n, m] = [x.length / inner, w.length / inner];
  return product(
    [n, inner, m],
    (i, l) => x[i * inner + l] as number,
    (l, j) => w[l * m + j] as number,
  );
}

/** Axes exchanged as `tf.transpose` does. */
export function transposed(
  x: ArrayLike<number>,
  shape: readonly number[],
  order: readonly number[],
): number[] {
  const to = order.map((axis) => shape[axis] as number);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
  return Array.from({ length: x.length }, (_, index) => {
    let [rest, at] = [index, 0];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      at += (rest % (to[axis] as number)) * (strides[order[axis] as number] as number);
      rest = Math.floor(rest / (to[axis] as number));
    }
    return x[at] as number;
  });
}

/** erf by its series; good to 1e-11 for |x| ≤ 4, and ±1 beyond. */
export function erf(x: number): number {
  if (Math.abs(x) > 4) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** Logistic function. */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
