import type { Values } from './backend-case.js';

/** What an operation gives, in float64 on the host. */
export type Exact = (...inputs: readonly Float64Array[]) => readonly ArrayLike<number>[];

/** Relative size of a step: its error is about its square. */
const STEP = 1e-4;

/**
 * The gradient of Σ output · upstream by central differences of a function in float64: independent of how anybody
 * derives it, and good to about eight digits.
 * @param differentiated which inputs
 * @param pointwise an input's entry moves only the output's entry at its place, and has its shape: one pair of
 * evaluations is then enough for all of them
 */
export function numericGradients(
  exact: Exact,
  inputs: readonly Float64Array[],
  upstream: Values,
  differentiated: readonly number[],
  pointwise: boolean,
): Values {
  const moved = (input: number, step: (index: number) => number): readonly ArrayLike<number>[] =>
    exact(...inputs.map((values, i) => (i === input ? values.map((v, at) => v + step(at)) : values)));
  return differentiated.map((input) => {
    const values = inputs[input] as Float64Array;
    const steps = values.map((value) => STEP * (1 + Math.abs(value)));
    const stepOf = (index: number): number => steps[index] as number;
    if (pointwise) {
      const [[above], [below]] = [moved(input, stepOf), moved(input, (i) => -stepOf(i))];
      return values.map(
        (_, i) =>
          (((above?.[i] as number) - (below?.[i] as number)) / (2 * stepOf(i))) *
          (upstream[0]?.[i] as number),
      );
    }
    return values.map((_, i) => {
      const at = (sign: number): number =>
        weighted(
          moved(input, (index) => (index === i ? sign * stepOf(i) : 0)),
          upstream,
        );
      return (at(1) - at(-1)) / (2 * stepOf(i));
    });
  });
}

/** Σ output · upstream. */
function weighted(outputs: readonly ArrayLike<number>[], upstream: Values): number {
  let sum = 0;
  outputs.forEach((output, o) => {
    for (let i = 0; i < output.length; i++)
      sum += (output[i] as number) * ((upstream[o] as ArrayLike<number>)[i] as number);
  });
  return sum;
}
