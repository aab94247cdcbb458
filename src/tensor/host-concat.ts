import type { HostNumbers } from './host-rows.js';

/**
 * Arrays one after the other, in an array of their own.
 * @param empty makes the result, e.g. `(length) => new Int32Array(length)`
 */
export function concatHost<A extends HostNumbers>(parts: readonly A[], empty: (length: number) => A): A {
  const all = empty(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
