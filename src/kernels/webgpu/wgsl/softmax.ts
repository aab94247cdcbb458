import { FINITE } from './finite.js';
import { WEIGHT } from './weight.js';

/**
 * `FINITE`, `WEIGHT`, and what softmaxes of scores share:
 *
 * - `LOWEST`: below all scores, and finite, as the difference of two infinities is NaN
 * - `infects(score)`: whether it makes NaN of its row, as NaN and +∞ do; −∞ only has no weight
 * - `weightOf(score, most)`: what it weighs beside the maximum of those that are finite
 */
export const SOFTMAX = `${FINITE}${WEIGHT}
const LOWEST: f32 = -3.0e38;
fn infects(score: f32) -> bool {
  let special = specialBits(score);
  return special != 0u && special != 0xff800000u;
}
fn weightOf(score: f32, most: f32) -> f32 {
  if (infects(score)) { return score; }
  return weight(score - most);
}`;
