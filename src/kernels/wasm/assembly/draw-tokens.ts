import { exp4, loadTail, log1, max4, storeTail } from './simd';

// @ts-ignore: decorator
@inline function guided(c: v128, u: v128, scale: v128): v128 {
  return f32x4.add(u, f32x4.mul(scale, f32x4.sub(c, u)));
}

/**
 * Draws a token per row by inverse CDF in vocabulary order from softmax((u + s·(c − u)) / temperature).
 * @param conditional `[n, v]`
 * @param unconditional `[n, v]`, or 0 for no guidance
 * @param uniforms `[n]`: numbers in [0, 1) as unsigned multiples of 2⁻³²
 * @param ids, logProbs, entropies `[n]`: the token as a float, −1 if a logit is not finite
 * @param scratch 8·v bytes
 */
export function drawTokens(
  n: i32, v: i32, conditional: usize, unconditional: usize, scale: f32, inverseTemperature: f32, uniforms: usize,
  ids: usize, logProbs: usize, entropies: usize, scratch: usize,
): void {
  const row = <usize>v << 2, weights = scratch + row;
  for (let i: usize = 0; i < <usize>n; i++) {
    const finite = shift(v, conditional + i * row, unconditional ? unconditional + i * row : 0, scale, inverseTemperature, scratch);
    if (!finite) {
      store<f32>(ids + (i << 2), -1);
      store<f32>(logProbs + (i << 2), 0);
      store<f32>(entropies + (i << 2), 0);
      continue;
    }
    exponentiate(v, scratch, weights);
    let total: f64 = 0, energy: f64 = 0;
    for (let j: usize = 0; j < row; j += 4) {
      const w = <f64>load<f32>(weights + j);
      // Of a token that must not come, divided by a low temperature, the logit may have become −∞, and 0 · −∞ is NaN.
      if (w == 0) continue;
      total += w;
      energy += w * <f64>load<f32>(scratch + j);
    }
    const target = (<f64>load<u32>(uniforms + (i << 2)) * total) / 4294967296.0;
    let cumulative: f64 = 0;
    let id: usize = 0;
    for (let j: usize = 0; j < row; j += 4) {
      const w = load<f32>(weights + j);
      if (w == 0) continue;
      if (cumulative > target) break;
      id = j;
      cumulative += <f64>w;
    }
    const logTotal = log1(<f32>total);
    store<f32>(ids + (i << 2), <f32>(id >> 2));
    store<f32>(logProbs + (i << 2), load<f32>(scratch + id) - logTotal);
    store<f32>(entropies + (i << 2), <f32>(<f64>logTotal - energy / total));
  }
}

/** Guided, tempered logits minus their maximum; whether all are finite. */
function shift(v: i32, conditional: usize, unconditional: usize, scale: f32, inverseTemperature: f32, out: usize): bool {
  const body = (<usize>v << 2) & ~15, tail = v & 3, s4 = f32x4.splat(scale), zero = f32x4.splat(0);
  let m = f32x4.splat(-Infinity), bad = zero;
  let j: usize = 0;
  for (; j < body; j += 16) {
    let x = v128.load(conditional + j);
    if (unconditional) x = guided(x, v128.load(unconditional + j), s4);
    bad = v128.or(bad, f32x4.ne(f32x4.sub(x, x), zero));
    m = f32x4.pmax(m, x);
    v128.store(out + j, x);
  }
  if (tail) {
    // The missing lanes repeat the first number, which changes neither maximum nor finiteness.
    let x = loadTail(conditional + j, tail, v128.load32_splat(conditional));
    if (unconditional) x = guided(x, loadTail(unconditional + j, tail, v128.load32_splat(unconditional)), s4);
    bad = v128.or(bad, f32x4.ne(f32x4.sub(x, x), zero));
    m = f32x4.pmax(m, x);
    storeTail(out + j, tail, x);
  }
  if (v128.any_true(bad)) return false;
  const maxes = f32x4.splat(max4(m)), t4 = f32x4.splat(inverseTemperature);
  for (j = 0; j < body; j += 16) v128.store(out + j, f32x4.mul(f32x4.sub(v128.load(out + j), maxes), t4));
  if (tail) storeTail(out + j, tail, f32x4.mul(f32x4.sub(loadTail(out + j, tail, maxes), maxes), t4));
  return true;
}

function exponentiate(v: i32, shifted: usize, weights: usize): void {
  const body = (<usize>v << 2) & ~15, tail = v & 3, zero = f32x4.splat(0);
  let j: usize = 0;
  for (; j < body; j += 16) v128.store(weights + j, exp4(v128.load(shifted + j)));
  if (tail) storeTail(weights + j, tail, exp4(loadTail(shifted + j, tail, zero)));
}
