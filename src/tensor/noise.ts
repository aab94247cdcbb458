import alea from 'seedrandom/lib/alea.js';

/** One part of a stream's key. */
export type KeyPart = string | number;

/** Uniform numbers in `[0, 1)`, one a call. */
export type UniformStream = () => number;

/**
 * The random stream of a key: the same key gives the same numbers on every machine and backend, whatever
 * else is drawn. Sampling keys its streams by (seed, step, prompt, sample, level), so results do not depend on
 * batching, order or the number of workers. All of the library's randomness comes from here (the backends' own
 * generators differ between backends and take 0 for "unseeded").
 */
export function uniformStream(...key: readonly KeyPart[]): UniformStream {
  // The parts are joined with a separator that no number contains, so that (1, 23) and (12, 3) differ.
  const generator = alea(key.map(String).join('\u241f'));
  return () => generator.quick();
}

/** Draws from N(0, 1) by Box–Muller, from a stream. */
export function normalValues(stream: UniformStream, count: number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    // 1 − u lies in (0, 1], so that the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - stream()));
    const angle = 2 * Math.PI * stream();
    values[i] = radius * Math.cos(angle);
    if (i + 1 < count) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}

/** An integer in `[0, bound)`. */
export function uniformInteger(stream: UniformStream, bound: number): number {
  return Math.floor(stream() * bound);
}

/** A shuffled copy (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], stream: UniformStream): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = uniformInteger(stream, i + 1);
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}
