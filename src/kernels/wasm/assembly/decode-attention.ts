// Attention of one new position per sequence to all that came before it. What sequences share, the context, is cached
// once: keys [C, H, D, P], rotated and transposed, so that scores need no horizontal sums, values [C, H, P, D]. What a
// sequence has of its own is cached in its slot: keys [slots, H, D, M], values [slots, H, M, D]. P and M are multiples
// of 16.
import { rotateRow } from './rotary';
import { exp4, fma4, max4, sum4 } from './simd';

/** Scratch bytes of `fillCache` and `decodeAttention`. */
export function decodeScratch(D: i32, P: i32, M: i32): usize {
  return ((<usize>D << 1) + <usize>P + <usize>M) << 2;
}

/**
 * Caches the keys and values of C contexts of at most T positions.
 * @param lengths `[C]`: positions of each context; the rest is padding
 * @param k, v `[C·T, H·D]`, before the rotation
 */
export function fillCache(
  C: i32, T: i32, H: i32, D: i32, P: i32, lengths: usize, k: usize, v: usize, cos: usize, sin: usize, keys: usize,
  values: usize, scratch: usize,
): void {
  const head = <usize>D << 2, row = <usize>H * head, line = <usize>P << 2, plane = <usize>D * line;
  for (let c = 0; c < C; c++) {
    const length = <usize>load<i32>(lengths + (<usize>c << 2));
    for (let h = 0; h < H; h++) {
      const at = <usize>(c * T) * row + <usize>h * head, cache = <usize>(c * H + h) * plane;
      for (let t: usize = 0; t < length; t++) {
        rotateRow(D, k + at + t * row, cos + t * head, sin + t * head, scratch, 1, 1);
        scatter(head, scratch, keys + cache + (t << 2), line);
        memory.copy(values + cache + t * head, v + at + t * row, head);
      }
    }
  }
}

/** The numbers of a row, a line apart. */
// @ts-ignore: decorator
@inline
function scatter(bytes: usize, from: usize, to: usize, line: usize): void {
  for (let j: usize = 0; j < bytes; j += 4) {
    store<f32>(to, load<f32>(from + j));
    to += line;
  }
}

/**
 * Adds a position to the caches of n sequences and attends from it.
 * @param lengths `[C]`: positions of each context
 * @param sources `[slots]`: the context that each slot goes on from
 * @param slots, positions `[n]`: where each sequence is cached, and the number of its new position
 * @param q, k, v `[n, H·D]`, before the rotation
 * @param cos, sin `[all positions, D]`
 */
export function decodeAttention(
  n: i32, H: i32, D: i32, P: i32, M: i32, lengths: usize, sources: usize, slots: usize, positions: usize, q: usize,
  k: usize, v: usize, cos: usize, sin: usize, contextKeys: usize, contextValues: usize, keys: usize, values: usize,
  out: usize, scratch: usize,
): void {
  const head = <usize>D << 2, row = <usize>H * head;
  const contextLine = <usize>P << 2, line = <usize>M << 2;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>D);
  const Q = scratch, K = Q + head, W = K + head;
  // Head by head, so that sequences of one context find its keys and values where the one before has left them.
  for (let h: usize = 0; h < <usize>H; h++) {
    for (let i = 0; i < n; i++) {
      const slot = <usize>load<i32>(slots + (<usize>i << 2));
      const source = <usize>load<i32>(sources + (slot << 2));
      const position = <usize>load<i32>(positions + (<usize>i << 2));
      const length = load<i32>(lengths + (source << 2));
      const own = <i32>position - length;
      const at = <usize>i * row + h * head;
      const shared = (source * <usize>H + h) * <usize>D * contextLine;
      const cache = (slot * <usize>H + h) * <usize>D * line;
      rotateRow(D, q + at, cos + position * head, sin + position * head, Q, scale, 1);
      rotateRow(D, k + at, cos + position * head, sin + position * head, K, 1, 1);
      scatter(head, K, keys + cache + (<usize>own << 2), line);
      memory.copy(values + cache + <usize>own * head, v + at, head);

      const ownWeights = W + (<usize>roundUp16(length) << 2);
      scores(length, D, contextKeys + shared, contextLine, Q, W);
      scores(own + 1, D, keys + cache, line, Q, ownWeights);
      const inverse: f32 = <f32>1 / exponentiate(W, ownWeights + (<usize>roundUp16(own + 1) << 2));
      mix(D, length, contextValues + shared, W, own + 1, values + cache, ownWeights, inverse, out + at);
    }
  }
}

// @ts-ignore: decorator
@inline function roundUp16(n: i32): i32 {
  return (n + 15) & ~15;
}

/** W = q · keys of `count` positions, 16 at a time; −∞ for the rest of the last 16, whose cache is whatever was there. */
function scores(count: i32, D: i32, keys: usize, line: usize, Q: usize, W: usize): void {
  const end = <usize>roundUp16(count) << 2, head = <usize>D << 2;
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
  for (let j = <usize>count << 2; j < end; j += 4) store<f32>(W + j, -Infinity);
}

/** W = exp(W − its maximum); the sum. */
function exponentiate(W: usize, end: usize): f32 {
  let m = v128.load(W);
  for (let p = W + 16; p < end; p += 16) m = f32x4.pmax(m, v128.load(p));
  const maxes = f32x4.splat(max4(m));
  let s = f32x4.splat(0);
  for (let p = W; p < end; p += 16) {
    const e = exp4(f32x4.sub(v128.load(p), maxes));
    v128.store(p, e);
    s = f32x4.add(s, e);
  }
  return sum4(s);
}

/** out = (Σ weights · values of the context, then of the sequence itself) · inverse */
function mix(
  D: i32, contextCount: i32, contextValues: usize, contextWeights: usize, count: i32, values: usize, weights: usize,
  inverse: f32, out: usize,
): void {
  const head = <usize>D << 2, inverse4 = f32x4.splat(inverse);
  let j: usize = 0;
  for (; j + 128 <= head; j += 128) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    let p = contextValues + j, w = contextWeights, left = contextCount;
    for (let part = 0; part < 2; part++) {
      for (; left > 0; left--) {
        const e = v128.load32_splat(w);
        a0 = fma4(e, v128.load(p), a0);
        a1 = fma4(e, v128.load(p, 16), a1);
        a2 = fma4(e, v128.load(p, 32), a2);
        a3 = fma4(e, v128.load(p, 48), a3);
        a4 = fma4(e, v128.load(p, 64), a4);
        a5 = fma4(e, v128.load(p, 80), a5);
        a6 = fma4(e, v128.load(p, 96), a6);
        a7 = fma4(e, v128.load(p, 112), a7);
        w += 4;
        p += head;
      }
      p = values + j;
      w = weights;
      left = count;
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
    let p = contextValues + j, w = contextWeights, left = contextCount;
    for (let part = 0; part < 2; part++) {
      for (; left > 0; left--) {
        a = fma4(v128.load32_splat(w), v128.load(p), a);
        w += 4;
        p += head;
      }
      p = values + j;
      w = weights;
      left = count;
    }
    v128.store(out + j, f32x4.mul(a, inverse4));
  }
  for (; j < head; j += 4) {
    let a: f32 = 0;
    let p = contextValues + j, w = contextWeights, left = contextCount;
    for (let part = 0; part < 2; part++) {
      for (; left > 0; left--) {
        a += load<f32>(w) * load<f32>(p);
        w += 4;
        p += head;
      }
      p = values + j;
      w = weights;
      left = count;
    }
    store<f32>(out + j, a * inverse);
  }
}
