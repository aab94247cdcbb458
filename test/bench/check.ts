/** Numbers that two implementations of one thing must agree on, and what their errors are measured against. */
export interface CheckedValue {
  readonly values: readonly number[];
  /** The magnitude that an error is relative to. Default: the largest of the values. */
  readonly scale?: number;
}

/** What a variant computes, by name. */
export type Check = Readonly<Record<string, CheckedValue>>;

/** Relative errors up to this are rounding: float32, sums in another order. */
export const TOLERANCE = 1e-4;

/**
 * A tensor in two numbers: its norm, and its product with a fixed wave, which notices a sign, a permutation or a
 * transposition that a norm does not.
 */
export function fingerprint(values: ArrayLike<number>): CheckedValue {
  let [squares, projection] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    squares += value * value;
    projection += value * Math.cos(i);
  }
  const norm = Math.sqrt(squares);
  return { values: [norm, projection], scale: norm };
}

/**
 * Throws unless the variants agree: those that compute different things must not be compared. Only what both
 * name is compared, and they must share something.
 */
export function assertSame(what: string, one: Check, other: Check, tolerance = TOLERANCE): void {
  const shared = Object.keys(one).filter((name) => name in other);
  if (shared.length === 0) throw new Error(`${what}: the variants have no value in common.`);
  for (const name of shared) {
    const [expected, found] = [one[name] as CheckedValue, other[name] as CheckedValue];
    const scale = expected.scale ?? largest(expected.values);
    const error = largest(expected.values.map((value, i) => value - (found.values[i] ?? Number.NaN)));
    if (expected.values.length !== found.values.length || !(error <= tolerance * scale)) {
      throw new Error(`${what}: ${name} disagrees (error ${error}, magnitude ${scale}).`);
    }
  }
}

/** NaN if any is. */
const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
