import { loadTail, storeTail } from './simd';

/**
 * Rotates one head's row by its position (halves, as LLaMA): out = (x · cos + rotateHalf(x) · sin) · scale.
 * @param D even
 * @param cos, sin `[D]`: both halves are alike, so the first is read
 */
export function rotateRow(D: i32, x: usize, cos: usize, sin: usize, out: usize, scale: f32): void {
  const half = <usize>D << 1, body = half & ~15, tail = (D >> 1) & 3, zero = f32x4.splat(0), s4 = f32x4.splat(scale);
  let j: usize = 0;
  for (; j < body; j += 16) {
    const a = v128.load(x + j), b = v128.load(x + half + j);
    const c = f32x4.mul(v128.load(cos + j), s4), s = f32x4.mul(v128.load(sin + j), s4);
    v128.store(out + j, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(out + half + j, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  if (tail) {
    const a = loadTail(x + j, tail, zero), b = loadTail(x + half + j, tail, zero);
    const c = f32x4.mul(loadTail(cos + j, tail, zero), s4), s = f32x4.mul(loadTail(sin + j, tail, zero), s4);
    storeTail(out + j, tail, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    storeTail(out + half + j, tail, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
}

/** The inverse, which is the transpose: what gradients go back through. */
export function rotateRowBack(D: i32, x: usize, cos: usize, sin: usize, out: usize, scale: f32): void {
  const half = <usize>D << 1, body = half & ~15, tail = (D >> 1) & 3, zero = f32x4.splat(0), s4 = f32x4.splat(scale);
  let j: usize = 0;
  for (; j < body; j += 16) {
    const a = v128.load(x + j), b = v128.load(x + half + j);
    const c = f32x4.mul(v128.load(cos + j), s4), s = f32x4.mul(v128.load(sin + j), s4);
    v128.store(out + j, f32x4.add(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(out + half + j, f32x4.sub(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  if (tail) {
    const a = loadTail(x + j, tail, zero), b = loadTail(x + half + j, tail, zero);
    const c = f32x4.mul(loadTail(cos + j, tail, zero), s4), s = f32x4.mul(loadTail(sin + j, tail, zero), s4);
    storeTail(out + j, tail, f32x4.add(f32x4.mul(a, c), f32x4.mul(b, s)));
    storeTail(out + half + j, tail, f32x4.sub(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
}
