// Attention of one new position per sequence to all that its cache holds. A cache has `slots`, one a sequence: keys
// [slot, H, D, L] after the rotation and transposed, so that scores need no horizontal sums; values [slot, H, L, D].
import { rotateRow } from './rotary';
import { exp4, fma4, max4, sum4 } from './simd';

/** Scratch bytes of `fillCache` and `decodeAttention`. L is a multiple of 16. */
export function decodeScratch(T: i32, D: i32, L: i32): usize {
  return (<usize>(max(T, 2) * D) << 2) + (<usize>L << 2);
}

/**
 * Stores the keys and values of B contexts of at most T positions in the slots that go on from them.
 * @param lengths `[B]`: positions of each context; the rest is padding
 * @param sources `[slots]`: the context of each slot
 * @param k, v `[B·T, H·D]`, before the rotation
 */
export function fillCache(
  B: i32, T: i32, H: i32, D: i32, L: i32, slots: i32, lengths: usize, sources: usize, k: usize, v: usize, cos: usize,
  sin: usize, keys: usize, values: usize, scratch: usize,
): void {
  const head = <usize>D << 2, row = <usize>H * head, line = <usize>L << 2, plane = <usize>D * line;
  for (let b = 0; b < B; b++) {
    const length = <usize>load<i32>(lengths + (<usize>b << 2));
    for (let h = 0; h < H; h++) {
      const at = <usize>(b * T) * row + <usize>h * head;
      for (let t: usize = 0; t < length; t++) {
        rotateRow(D, k + at + t * row, cos + t * head, sin + t * head, scratch + t * head, 1);
      }
      for (let i = 0; i < slots; i++) {
        if (load<i32>(sources + (<usize>i << 2)) != b) continue;
        const slot = <usize>(i * H + h) * plane;
        for (let t: usize = 0; t < length; t++) {
          let to = keys + slot + (t << 2);
          for (let j: usize = 0; j < head; j += 4) {
            store<f32>(to, load<f32>(scratch + t * head + j));
            to += line;
          }
          memory.copy(values + slot + t * head, v + at + t * row, head);
        }
      }
    }
  }
}

/**
 * Adds a position to the caches of n sequences and attends from it.
 * @param slots, positions `[n]`: where each sequence is cached, and how many positions it has already
 * @param q, k, v `[n, H·D]`, before the rotation
 * @param cos, sin `[L, D]`
 */
export function decodeAttention(
  n: i32, H: i32, D: i32, L: i32, slots: usize, positions: usize, q: usize, k: usize, v: usize, cos: usize, sin: usize,
  keys: usize, values: usize, out: usize, scratch: usize,
): void {
  const head = <usize>D << 2, row = <usize>H * head, line = <usize>L << 2, plane = <usize>D * line;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>D);
  const Q = scratch, K = Q + head, W = K + head;
  for (let i = 0; i < n; i++) {
    const t = <usize>load<i32>(positions + (<usize>i << 2));
    const slot = <usize>load<i32>(slots + (<usize>i << 2)) * <usize>H * plane;
    for (let h: usize = 0; h < <usize>H; h++) {
      const at = <usize>i * row + h * head, cache = slot + h * plane;
      rotateRow(D, q + at, cos + t * head, sin + t * head, Q, scale);
      rotateRow(D, k + at, cos + t * head, sin + t * head, K, 1);
      let to = keys + cache + (t << 2);
      for (let j: usize = 0; j < head; j += 4) {
        store<f32>(to, load<f32>(K + j));
        to += line;
      }
      memory.copy(values + cache + t * head, v + at, head);
      const total = weigh(<i32>t + 1, D, keys + cache, line, Q, W);
      mix(<i32>t + 1, D, values + cache, W, <f32>1 / total, out + at);
    }
  }
}

/** W = exp(scores − their maximum) of the first `count` positions; their sum. */
// @ts-ignore: decorator
@inline
function weigh(count: i32, D: i32, keys: usize, line: usize, Q: usize, W: usize): f32 {
  const end = <usize>((count + 15) & ~15) << 2, head = <usize>D << 2;
  for (let j: usize = 0; j < end; j += 64) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    let p = keys + j;
    for (let d: usize = 0; d < head; d += 4) {
      const e = v128.load32_splat(Q + d);
      a0 = fma4(e, v128.load(p), a0);
      a1 = fma4(e, v128.load(p, 16), a1);
      a2 = fma4(e, v128.load(p, 32), a2);
      a3 = fma4(e, v128.load(p, 48), a3);
      p += line;
    }
    v128.store(W + j, a0);
    v128.store(W + j, a1, 16);
    v128.store(W + j, a2, 32);
    v128.store(W + j, a3, 48);
  }
  // What the cache holds beyond is whatever was in the memory.
  for (let j = <usize>count << 2; j < end; j += 4) store<f32>(W + j, -Infinity);
  let m = v128.load(W);
  for (let j: usize = 16; j < end; j += 16) m = f32x4.pmax(m, v128.load(W + j));
  const maxes = f32x4.splat(max4(m));
  let s = f32x4.splat(0);
  for (let j: usize = 0; j < end; j += 16) {
    const e = exp4(f32x4.sub(v128.load(W + j), maxes));
    v128.store(W + j, e);
    s = f32x4.add(s, e);
  }
  return sum4(s);
}

/** out = Σ W · values · inverse */
// @ts-ignore: decorator
@inline
function mix(count: i32, D: i32, values: usize, W: usize, inverse: f32, out: usize): void {
  const head = <usize>D << 2, end = W + (<usize>count << 2), inverse4 = f32x4.splat(inverse);
  let j: usize = 0;
  for (; j + 128 <= head; j += 128) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    let p = values + j;
    for (let w = W; w < end; w += 4) {
      const e = v128.load32_splat(w);
      a0 = fma4(e, v128.load(p), a0);
      a1 = fma4(e, v128.load(p, 16), a1);
      a2 = fma4(e, v128.load(p, 32), a2);
      a3 = fma4(e, v128.load(p, 48), a3);
      a4 = fma4(e, v128.load(p, 64), a4);
      a5 = fma4(e, v128.load(p, 80), a5);
      a6 = fma4(e, v128.load(p, 96), a6);
      a7 = fma4(e, v128.load(p, 112), a7);
      p += head;
    }
    const o = out + j;
    v128.store(o, f32x4.mul(a0, inverse4));
    v128.store(o, f32x4.mul(a1, inverse4), 16);
    v128.store(o, f32x4.mul(a2, inverse4), 32);
    v128.store(o, f32x4.mul(a3, inverse4), 48);
    v128.store(o, f32x4.mul(a4, inverse4), 64);
    v128.store(o, f32x4.mul(a5, inverse4), 80);
    v128.store(o, f32x4.mul(a6, inverse4), 96);
    v128.store(o, f32x4.mul(a7, inverse4), 112);
  }
  for (; j + 16 <= head; j += 16) {
    let a = f32x4.splat(0);
    let p = values + j;
    for (let w = W; w < end; w += 4) {
      a = fma4(v128.load32_splat(w), v128.load(p), a);
      p += head;
    }
    v128.store(out + j, f32x4.mul(a, inverse4));
  }
  for (; j < head; j += 4) {
    let a: f32 = 0;
    let p = values + j;
    for (let w = W; w < end; w += 4) {
      a += load<f32>(w) * load<f32>(p);
      p += head;
    }
    store<f32>(out + j, a * inverse);
  }
}
