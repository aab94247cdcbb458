/** A function over all invocations of a workgroup. */
export interface Reduction {
  /** What the function is called. */
  readonly name: string;
  /** The WGSL type that it combines. */
  readonly type: string;
  /** WGSL of what becomes of `a` and `b`. */
  readonly combine: string;
}

/**
 * WGSL of `fn name(lane: u32, x: type) -> type`, which gives every invocation what all of them make together; all must
 * call it. They are combined in their order, in groups of about √workgroup and then the groups, so that the bits depend on
 * nothing but the workgroup's size. A tree would be no faster, and has 6 barriers or more where this has 2.
 * @param workgroup 16, 64 or 256
 */
export function reduction({ name, type, combine }: Reduction, workgroup: number): string {
  const group = Math.sqrt(workgroup);
  const all = (array: string, first: string): string => `
  var a = ${array}[${first}];
  for (var k = 1u; k < ${group}u; k++) {
    let b = ${array}[${first} + k];
    a = ${combine};
  }`;
  return `
var<workgroup> ${name}Parts: array<${type}, ${workgroup}>;
var<workgroup> ${name}Groups: array<${type}, ${group}>;
fn ${name}Group(first: u32) -> ${type} {${all(`${name}Parts`, 'first')}
  return a;
}
fn ${name}(lane: u32, x: ${type}) -> ${type} {
  ${name}Parts[lane] = x;
  workgroupBarrier();
  if (lane < ${group}u) { ${name}Groups[lane] = ${name}Group(lane * ${group}u); }
  workgroupBarrier();${all(`${name}Groups`, '0u')}
  return a;
}`;
}

/** `rowSum(lane, x)`: the sum. */
export const rowSum = (workgroup: number): string =>
  reduction({ name: 'rowSum', type: 'f32', combine: 'a + b' }, workgroup);
