import { loadTail, storeTail } from './simd';

/**
 * Rotates one head's row by its position (halves, as LLaMA): out = (x · cos + rotateHalf(x) · sin) · scale.
 * @param D even
 * @param cos, sin `[D]`: both halves are alike, so the first is read
 * @param direction 1, or −1 for the inverse, which is the transpose: what gradients go back through
 */
export function rotateRow(D: i32, x: usize, cos: usize, sin: usize, out: usize, scale: f32, direction: f32): void {
  const half = <usize>D << 1, body = half & ~15, tail = (D >> 1) & 3, zero = f32x4.splat(0);
  const ofCos = f32x4.splat(scale), ofSin = f32x4.splat(scale * direction);
  let j: usize = 0;
  for (; j < body; j += 16) {
    const a = v128.load(x + j), b = v128.load(x + half + j);
    const c = f32x4.mul(v128.load(cos + j), ofCos), s = f32x4.mul(v128.load(sin + j), ofSin);
    v128.store(out + j, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(out + half + j, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  if (tail) {
    const a = loadTail(x + j, tail, zero), b = loadTail(x + half + j, tail, zero);
    const c = f32x4.mul(loadTail(cos + j, tail, zero), ofCos), s = f32x4.mul(loadTail(sin + j, tail, zero), ofSin);
    storeTail(out + j, tail, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    storeTail(out + half + j, tail, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
}
