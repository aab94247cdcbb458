/**
 * `rotated(own, other, d, cosine, sine)`: channel d of a head turned by its position, in the convention of halves; `other`
 * is the channel half a head away. With −sine, turned back.
 */
export const ROTATE = `
fn rotated(own: f32, other: f32, first: bool, cosine: f32, sine: f32) -> f32 {
  return own * cosine + select(other, -other, first) * sine;
}`;
