import { FIXED_POINT } from './fixed-point.js';

/**
 * `FIXED_POINT`, and `prefixSums(lane, x) -> Prefix`: the sums of what the invocations before this one gave, of those up
 * to it, and of all; all must call it.
 * @param workgroup 16, 64 or 256
 */
export function prefixSums(workgroup: number): string {
  const group = Math.sqrt(workgroup);
  return `${FIXED_POINT}
struct Prefix { before: vec2<u32>, upTo: vec2<u32>, all: vec2<u32> }
var<workgroup> prefixParts: array<vec2<u32>, ${workgroup}>;
var<workgroup> prefixGroups: array<vec2<u32>, ${group}>;
fn prefixSums(lane: u32, x: vec2<u32>) -> Prefix {
  prefixParts[lane] = x;
  workgroupBarrier();
  if (lane < ${group}u) {
    var sum = vec2<u32>(0u);
    for (var k = 0u; k < ${group}u; k++) { sum = plus(sum, prefixParts[lane * ${group}u + k]); }
    prefixGroups[lane] = sum;
  }
  workgroupBarrier();
  let own = lane / ${group}u;
  var before = vec2<u32>(0u);
  var all = vec2<u32>(0u);
  for (var k = 0u; k < ${group}u; k++) {
    if (k == own) { before = all; }
    all = plus(all, prefixGroups[k]);
  }
  for (var k = own * ${group}u; k < lane; k++) { before = plus(before, prefixParts[k]); }
  return Prefix(before, plus(before, x), all);
}`;
}
