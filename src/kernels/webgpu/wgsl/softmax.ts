/**
 * What softmaxes share. A compiler of WGSL may assume that there are no NaN and no infinities, and then comparisons and
 * `max` with one may give either operand: what is not finite is found by its bits, and passed on by sums and products.
 */
export const SOFTMAX = `
// Below all scores, and finite, as the difference of two infinities is NaN.
const LOWEST: f32 = -3.0e38;

// NaN or positive infinity: a score that makes NaN of its row. A negative infinity only has no weight.
fn infects(x: f32) -> bool {
  let bits = bitcast<u32>(x);
  return (bits & 0x7fffffffu) >= 0x7f800000u && bits != 0xff800000u;
}

// NaN, as a constant expression must not be it.
fn nan(any: u32) -> f32 {
  return bitcast<f32>(0x7fc00000u | (any & 255u));
}

// exp(x), and 0 where it is nothing beside 1: what it is multiplied with stays a normal number.
fn vanishing_exp(x: f32) -> f32 {
  return select(exp(x), 0.0, x < -64.0);
}

// What a score weighs beside the maximum of those that are finite.
fn weight_of(score: f32, most: f32) -> f32 {
  if (infects(score)) { return score; }
  return vanishing_exp(score - most);
}
`;
