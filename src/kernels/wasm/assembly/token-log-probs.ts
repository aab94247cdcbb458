import { exp4, loadTail, log1, max4, storeTail, sum4 } from './simd';

/** Rows of n × v logits: out[i] = logits[i, targets[i]] − log Σ exp(logits[i]), and that normaliser. */
export function tokenLogProbs(n: i32, v: i32, logits: usize, targets: usize, out: usize, normalizers: usize): void {
  const row = <usize>v << 2;
  for (let i = 0; i < n; i++) {
    const normalizer = logSumExp(v, logits);
    const target = load<u32>(targets);
    // A target out of range is NaN, and never what lies behind the row.
    store<f32>(out, target < <u32>v ? load<f32>(logits + (<usize>target << 2)) - normalizer : NaN);
    store<f32>(normalizers, normalizer);
    logits += row;
    targets += 4;
    out += 4;
    normalizers += 4;
  }
}

function logSumExp(v: i32, logits: usize): f32 {
  const body = (<usize>v << 2) & ~15, tail = v & 3, least = f32x4.splat(-Infinity);
  let m = least;
  let j: usize = 0;
  for (; j < body; j += 16) m = f32x4.pmax(m, v128.load(logits + j));
  if (tail) m = f32x4.pmax(m, loadTail(logits + j, tail, least));
  const max = max4(m), max4th = f32x4.splat(max);
  let s = f32x4.splat(0), s1 = s;
  for (j = 0; j + 32 <= body; j += 32) {
    s = f32x4.add(s, exp4(f32x4.sub(v128.load(logits + j), max4th)));
    s1 = f32x4.add(s1, exp4(f32x4.sub(v128.load(logits + j, 16), max4th)));
  }
  for (; j < body; j += 16) s = f32x4.add(s, exp4(f32x4.sub(v128.load(logits + j), max4th)));
  if (tail) s = f32x4.add(s, exp4(f32x4.sub(loadTail(logits + j, tail, least), max4th)));
  return max + log1(sum4(f32x4.add(s, s1)));
}

/** d logits = dy · (onehot − softmax). */
export function tokenLogProbsGrad(
  n: i32, v: i32, logits: usize, targets: usize, normalizers: usize, dy: usize, dLogits: usize,
): void {
  const row = <usize>v << 2, body = row & ~15, tail = v & 3, zero = f32x4.splat(0);
  for (let i = 0; i < n; i++) {
    const g = load<f32>(dy);
    if (g == 0) {
      // A token without a gradient, such as padding, costs no exponentials.
      memory.fill(dLogits, 0, row);
    } else {
      const z = f32x4.splat(load<f32>(normalizers)), minus = f32x4.splat(-g);
      let j: usize = 0;
      for (; j < body; j += 16) {
        v128.store(dLogits + j, f32x4.mul(exp4(f32x4.sub(v128.load(logits + j), z)), minus));
      }
      if (tail) {
        storeTail(dLogits + j, tail, f32x4.mul(exp4(f32x4.sub(loadTail(logits + j, tail, zero), z)), minus));
      }
      const target = load<u32>(targets);
      if (target < <u32>v) {
        const at = dLogits + (<usize>target << 2);
        store<f32>(at, load<f32>(at) + g);
      }
    }
    logits += row;
    dLogits += row;
    targets += 4;
    normalizers += 4;
    dy += 4;
  }
}
