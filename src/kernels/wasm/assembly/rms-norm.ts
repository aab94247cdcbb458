import { fma4, loadTail, storeTail, sum4 } from './simd';

/**
 * y = x · scale · gain with scale = 1 / √(mean x² + ε), of n rows of d. With a residual, x + residual is what is
 * normalised, and it is written to `stream`.
 */
export function rmsNorm(
  n: i32, d: i32, x: usize, residual: usize, stream: usize, gain: usize, y: usize, scales: usize, epsilon: f32,
): void {
  const row = <usize>d << 2, body = row & ~15, tail = d & 3, zero = f32x4.splat(0);
  for (let i = 0; i < n; i++) {
    let j: usize = 0;
    if (residual) {
      for (; j < body; j += 16) v128.store(stream + j, f32x4.add(v128.load(x + j), v128.load(residual + j)));
      if (tail) storeTail(stream + j, tail, f32x4.add(loadTail(x + j, tail, zero), loadTail(residual + j, tail, zero)));
    }
    const from = residual ? stream : x;
    let s = zero, s1 = zero;
    for (j = 0; j + 32 <= body; j += 32) {
      const u = v128.load(from + j), v = v128.load(from + j, 16);
      s = fma4(u, u, s);
      s1 = fma4(v, v, s1);
    }
    for (; j < body; j += 16) {
      const u = v128.load(from + j);
      s = fma4(u, u, s);
    }
    if (tail) {
      const u = loadTail(from + j, tail, zero);
      s = fma4(u, u, s);
    }
    const scale: f32 = <f32>1 / sqrt<f32>(sum4(f32x4.add(s, s1)) / <f32>d + epsilon);
    const scale4 = f32x4.splat(scale);
    for (j = 0; j < body; j += 16) {
      v128.store(y + j, f32x4.mul(f32x4.mul(v128.load(from + j), scale4), v128.load(gain + j)));
    }
    if (tail) {
      const u = f32x4.mul(loadTail(from + j, tail, zero), scale4);
      storeTail(y + j, tail, f32x4.mul(u, loadTail(gain + j, tail, zero)));
    }
    store<f32>(scales, scale);
    scales += 4;
    x += row;
    y += row;
    if (residual) {
      residual += row;
      stream += row;
    }
  }
}

/**
 * dx = (dy·gain − unit · mean(dy·gain·unit)) · scale + dStream, with unit = x · scale; dGain = Σ_rows dy·unit.
 * @param dStream what comes back through the sum with the residual; 0 for nothing
 */
export function rmsNormGrad(
  n: i32, d: i32, x: usize, gain: usize, scales: usize, dy: usize, dStream: usize, dx: usize, dGain: usize,
): void {
  const row = <usize>d << 2, body = row & ~15, tail = d & 3, zero = f32x4.splat(0);
  memory.fill(dGain, 0, row);
  for (let i = 0; i < n; i++) {
    const scale4 = f32x4.splat(load<f32>(scales));
    scales += 4;
    let s = zero;
    let j: usize = 0;
    for (; j < body; j += 16) {
      const t = f32x4.mul(v128.load(dy + j), f32x4.mul(v128.load(x + j), scale4));
      v128.store(dGain + j, f32x4.add(v128.load(dGain + j), t));
      s = fma4(t, v128.load(gain + j), s);
    }
    if (tail) {
      const t = f32x4.mul(loadTail(dy + j, tail, zero), f32x4.mul(loadTail(x + j, tail, zero), scale4));
      storeTail(dGain + j, tail, f32x4.add(loadTail(dGain + j, tail, zero), t));
      s = fma4(t, loadTail(gain + j, tail, zero), s);
    }
    const mean4 = f32x4.splat(sum4(s) / <f32>d);
    for (j = 0; j < body; j += 16) {
      const unit = f32x4.mul(v128.load(x + j), scale4);
      const pull = f32x4.sub(f32x4.mul(v128.load(dy + j), v128.load(gain + j)), f32x4.mul(unit, mean4));
      let out = f32x4.mul(pull, scale4);
      if (dStream) out = f32x4.add(out, v128.load(dStream + j));
      v128.store(dx + j, out);
    }
    if (tail) {
      const unit = f32x4.mul(loadTail(x + j, tail, zero), scale4);
      const g = f32x4.mul(loadTail(dy + j, tail, zero), loadTail(gain + j, tail, zero));
      let out = f32x4.mul(f32x4.sub(g, f32x4.mul(unit, mean4)), scale4);
      if (dStream) out = f32x4.add(out, loadTail(dStream + j, tail, zero));
      storeTail(dx + j, tail, out);
    }
    x += row;
    dy += row;
    dx += row;
    if (dStream) dStream += row;
  }
}
