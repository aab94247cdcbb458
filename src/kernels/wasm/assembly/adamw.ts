import { fma4, loadTail, storeTail } from './simd';

/**
 * One AdamW update of n numbers: mean and square are averaged with the gradient, and
 * p ← p · shrink − rate · mean / (√square · correction + ε).
 * @param rate η / (1 − β₁ᵗ)
 * @param correction 1 / √(1 − β₂ᵗ)
 */
export function adamw(
  n: i32, p: usize, g: usize, mean: usize, square: usize, newP: usize, newMean: usize, newSquare: usize,
  beta1: f32, rest1: f32, beta2: f32, rest2: f32, rate: f32, correction: f32, epsilon: f32, shrink: f32,
): void {
  const body = (<usize>n << 2) & ~15, tail = n & 3, zero = f32x4.splat(0);
  const B1 = f32x4.splat(beta1), R1 = f32x4.splat(rest1), B2 = f32x4.splat(beta2), R2 = f32x4.splat(rest2);
  const RATE = f32x4.splat(rate), C = f32x4.splat(correction), E = f32x4.splat(epsilon), S = f32x4.splat(shrink);
  for (let j: usize = 0; j < body; j += 16) {
    const gradient = v128.load(g + j);
    const m = fma4(v128.load(mean + j), B1, f32x4.mul(gradient, R1));
    const s = fma4(v128.load(square + j), B2, f32x4.mul(f32x4.mul(gradient, gradient), R2));
    v128.store(newMean + j, m);
    v128.store(newSquare + j, s);
    const step = f32x4.div(f32x4.mul(m, RATE), fma4(f32x4.sqrt(s), C, E));
    v128.store(newP + j, f32x4.sub(f32x4.mul(v128.load(p + j), S), step));
  }
  if (tail) {
    const gradient = loadTail(g + body, tail, zero);
    const m = fma4(loadTail(mean + body, tail, zero), B1, f32x4.mul(gradient, R1));
    const s = fma4(loadTail(square + body, tail, zero), B2, f32x4.mul(f32x4.mul(gradient, gradient), R2));
    storeTail(newMean + body, tail, m);
    storeTail(newSquare + body, tail, s);
    const step = f32x4.div(f32x4.mul(m, RATE), fma4(f32x4.sqrt(s), C, E));
    storeTail(newP + body, tail, f32x4.sub(f32x4.mul(loadTail(p + body, tail, zero), S), step));
  }
}
