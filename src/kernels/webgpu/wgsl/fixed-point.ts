/**
 * Numbers of 64 bits, low half first. Their sums are exact in any order, and so what is drawn from them depends on
 * nothing but the weights.
 *
 * - `fixed(w)`: a weight of `[0, 1]` in units of 2⁻⁴⁰, so that 2²⁴ of them have room
 * - `unfixed(a)`: as a float
 * - `plus`, `minus`, `below`: `a + b`, `a − b`, `a < b`
 * - `times(a, b)`: `⌊a · b / 2³²⌋` of a number and 32 bits
 */
export const FIXED_POINT = `
fn fixed(w: f32) -> vec2<u32> {
  let scaled = w * 256.0;
  let high = floor(scaled);
  return vec2<u32>(u32((scaled - high) * 4294967296.0), u32(high));
}
fn unfixed(a: vec2<u32>) -> f32 {
  return f32(a.y) * 0.00390625 + f32(a.x) * 9.094947017729282e-13; // 2⁻⁸, 2⁻⁴⁰
}
fn plus(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn minus(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}
fn below(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.y < b.y || (a.y == b.y && a.x < b.x);
}
fn product(a: u32, b: u32) -> vec2<u32> {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let one = (a & 0xffffu) * (b >> 16u);
  let other = (a >> 16u) * (b & 0xffffu);
  let middle = (low >> 16u) + (one & 0xffffu) + (other & 0xffffu);
  return vec2<u32>(
    (low & 0xffffu) | (middle << 16u),
    (a >> 16u) * (b >> 16u) + (one >> 16u) + (other >> 16u) + (middle >> 16u),
  );
}
fn times(a: vec2<u32>, b: u32) -> vec2<u32> {
  return plus(product(a.y, b), vec2<u32>(product(a.x, b).y, 0u));
}`;
