import { loadTail, sigmoid4, storeTail } from './simd';

// @ts-ignore: decorator
@inline function gated(gate: v128, up: v128): v128 {
  return f32x4.mul(f32x4.mul(gate, sigmoid4(gate)), up);
}

/** y = gate · σ(gate) · up, of n numbers. */
export function swiglu(n: i32, gate: usize, up: usize, y: usize): void {
  const body = (<usize>n << 2) & ~15, tail = n & 3, zero = f32x4.splat(0);
  let j: usize = 0;
  for (; j < body; j += 16) v128.store(y + j, gated(v128.load(gate + j), v128.load(up + j)));
  if (tail) storeTail(y + j, tail, gated(loadTail(gate + j, tail, zero), loadTail(up + j, tail, zero)));
}

/** dGate = dy · up · (σ + silu · (1 − σ)) and dUp = dy · silu, with silu = gate · σ(gate). */
export function swigluGrad(n: i32, gate: usize, up: usize, dy: usize, dGate: usize, dUp: usize): void {
  const body = (<usize>n << 2) & ~15, tail = n & 3, zero = f32x4.splat(0), one = f32x4.splat(1);
  let j: usize = 0;
  for (; j < body; j += 16) {
    const g = v128.load(gate + j), u = v128.load(up + j), d = v128.load(dy + j);
    const s = sigmoid4(g), silu = f32x4.mul(g, s);
    v128.store(dUp + j, f32x4.mul(d, silu));
    v128.store(dGate + j, f32x4.mul(f32x4.mul(d, u), f32x4.add(s, f32x4.mul(silu, f32x4.sub(one, s)))));
  }
  if (tail) {
    const g = loadTail(gate + j, tail, zero), u = loadTail(up + j, tail, zero), d = loadTail(dy + j, tail, zero);
    const s = sigmoid4(g), silu = f32x4.mul(g, s);
    storeTail(dUp + j, tail, f32x4.mul(d, silu));
    storeTail(dGate + j, tail, f32x4.mul(f32x4.mul(d, u), f32x4.add(s, f32x4.mul(silu, f32x4.sub(one, s)))));
  }
}
