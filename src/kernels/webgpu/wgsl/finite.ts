/**
 * WGSL lets a compiler take NaN and infinity for absent, and some do: comparisons, `max` and `min` may then answer
 * anything. What must know them looks at the bits of what was loaded.
 *
 * - `specialBits(x)`: the bits of a NaN or an infinity, 0 of any other number
 * - `nanOf(bits)`: a NaN, of such bits: the language has no constant for one
 */
export const FINITE = `
fn specialBits(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(0u, bits, (bits & 0x7f800000u) == 0x7f800000u);
}
fn nanOf(bits: u32) -> f32 {
  return bitcast<f32>(bits | 0x7fc00000u);
}`;
