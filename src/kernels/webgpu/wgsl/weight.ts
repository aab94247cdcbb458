/**
 * `weight(x)`: e^x for x of at most 0, and exactly 0 below −64, far enough for products of what it gives to stay normal
 * numbers: some GPUs compute with subnormal ones, and others make them 0.
 */
export const WEIGHT = `
fn weight(x: f32) -> f32 {
  return select(exp(x), 0.0, x < -64.0);
}`;
