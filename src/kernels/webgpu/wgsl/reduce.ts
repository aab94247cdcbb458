/** A function over all invocations of a workgroup. */
export interface Reduction {
  /** What the function is called. */
  readonly name: string;
  readonly type: 'f32' | 'u32';
  /** WGSL of `a` and `b`: associative, and commutative but for rounding. */
  readonly combine: string;
}

/**
 * WGSL of `fn name(lane: u32, x: type) -> type`, which gives every invocation what all of them make together. They
 * are combined as a tree whose shape is the workgroup's, so that the bits depend on nothing else. All invocations must
 * call it; the result is uniform, so that barriers may follow a branch on it.
 *
 * Takes 4 bytes of workgroup memory an invocation.
 * @param workgroup a power of two
 */
export function reduction({ name, type, combine }: Reduction, workgroup: number): string {
  const shared = `${name}Parts`;
  return `
var<workgroup> ${shared}: array<${type}, ${workgroup}>;
fn ${name}(lane: u32, x: ${type}) -> ${type} {
  ${shared}[lane] = x;
  workgroupBarrier();
  for (var half = ${workgroup / 2}u; half > 0u; half /= 2u) {
    if (lane < half) {
      let a = ${shared}[lane];
      let b = ${shared}[lane + half];
      ${shared}[lane] = ${combine};
    }
    workgroupBarrier();
  }
  return workgroupUniformLoad(&${shared}[0]);
}`;
}

/** `rowSum`: the sum. */
export const rowSum = (workgroup: number): string =>
  reduction({ name: 'rowSum', type: 'f32', combine: 'a + b' }, workgroup);

/** `rowMax`: the largest of numbers; of a NaN, any number. */
export const rowMax = (workgroup: number): string =>
  reduction({ name: 'rowMax', type: 'f32', combine: 'max(a, b)' }, workgroup);

/** `rowBits`: all bits that any of them has. */
export const rowBits = (workgroup: number): string =>
  reduction({ name: 'rowBits', type: 'u32', combine: 'a | b' }, workgroup);
