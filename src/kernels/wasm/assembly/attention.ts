// Causal attention with rotary positions, one head of one sequence at a time: its scores stay in the second cache and
// no [B, H, T, T] tensor exists. Only the part below the diagonal is computed, in blocks of rows.
import { packPanels, panelBytes } from './gemm';
import { rotateRow } from './rotary';
import { exp4, fma4, log1, max4, sum4, TILE_ROWS } from './simd';
import { EDGE_BYTES, panelRows } from './tile';

/** Rows whose scores are computed together. */
// @ts-ignore: decorator
@inline const ROW_BLOCK: i32 = 4 * TILE_ROWS;
/** The score of what must not be seen: its weight is exactly 0. */
// @ts-ignore: decorator
@inline const HIDDEN: f32 = -1e30;

// @ts-ignore: decorator
@inline function roundUp8(n: i32): i32 {
  return (n + 7) & ~7;
}

/** Scratch bytes of `attention`. */
export function attentionScratch(T: i32, D: i32): usize {
  const rows = (<usize>T * <usize>D) << 2;
  return EDGE_BYTES + 2 * rows + panelBytes(D, T) + panelBytes(T, D) + ((<usize>T * <usize>roundUp8(T)) << 2);
}

/**
 * out = softmax(q·kᵀ / √D, below the diagonal) · v of B sequences of T positions, H heads of D channels.
 * @param q, k, v rows of `stride` bytes, heads side by side; q and k before the rotation
 * @param cos, sin `[T, D]`
 * @param out `[B·T, H·D]`
 * @param normalizers `[B, H, T]`: log Σ exp of each row's scores
 */
export function attention(
  B: i32, T: i32, H: i32, D: i32, q: usize, k: usize, v: usize, stride: usize, cos: usize, sin: usize, out: usize,
  normalizers: usize, scratch: usize,
): void {
  const head = <usize>D << 2, outRow = <usize>H * head, Tp = roundUp8(T), line = <usize>Tp << 2;
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>D);
  const edge = scratch, Q = edge + EDGE_BYTES, K = Q + <usize>T * head, KT = K + <usize>T * head;
  const V = KT + panelBytes(D, T), S = V + panelBytes(T, D);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const at = <usize>(b * T) * stride + <usize>h * head;
      for (let t: usize = 0; t < <usize>T; t++) {
        rotateRow(D, q + at + t * stride, cos + t * head, sin + t * head, Q + t * head, scale, 1);
        rotateRow(D, k + at + t * stride, cos + t * head, sin + t * head, K + t * head, 1, 1);
      }
      packPanels(D, T, K, 4, head, KT);
      packPanels(T, D, v + at, stride, 4, V);
      for (let i0 = 0; i0 < T; i0 += ROW_BLOCK) {
        const rows = min(ROW_BLOCK, T - i0), seen = roundUp8(i0 + rows);
        const scores = S + <usize>i0 * line;
        for (let j = 0; j < seen; j += 8) {
          const panel = KT + <usize>(j >> 3) * (<usize>D << 5);
          panelRows(rows, 8, D, Q + <usize>i0 * head, head, 4, panel, scores + (<usize>j << 2), line, 0, edge);
        }
        for (let i = 0; i < rows; i++) {
          const z = softmaxRow(i0 + i + 1, seen, scores + <usize>i * line);
          store<f32>(normalizers + (<usize>((b * H + h) * T + i0 + i) << 2), z);
        }
        const to = out + <usize>(b * T + i0) * outRow + <usize>h * head;
        for (let j = 0; j < D; j += 8) {
          const panel = V + <usize>(j >> 3) * (<usize>T << 5);
          panelRows(rows, D - j, min(seen, T), scores, line, 4, panel, to + (<usize>j << 2), outRow, 0, edge);
        }
      }
    }
  }
}

/** Scores to weights in place: `count` are seen, the others up to `padded` (a multiple of 8) become 0. Their log Σ exp. */
function softmaxRow(count: i32, padded: i32, row: usize): f32 {
  for (let j = count; j < padded; j++) store<f32>(row + (<usize>j << 2), HIDDEN);
  const end = <usize>padded << 2;
  let m = v128.load(row);
  for (let j: usize = 16; j < end; j += 16) m = f32x4.pmax(m, v128.load(row + j));
  const max = max4(m), maxes = f32x4.splat(max);
  let s = f32x4.splat(0);
  for (let j: usize = 0; j < end; j += 16) {
    const e = exp4(f32x4.sub(v128.load(row + j), maxes));
    v128.store(row + j, e);
    s = f32x4.add(s, e);
  }
  const total = sum4(s), inverse = f32x4.splat(<f32>1 / total);
  for (let j: usize = 0; j < end; j += 16) v128.store(row + j, f32x4.mul(v128.load(row + j), inverse));
  return max + log1(total);
}

/** Scratch bytes of `attentionGrad`. */
export function attentionGradScratch(T: i32, D: i32): usize {
  const rows = (<usize>T * <usize>D) << 2, scores = (<usize>T * <usize>roundUp8(T)) << 2;
  return EDGE_BYTES + 3 * rows + 2 * panelBytes(D, T) + 3 * panelBytes(T, D) + 2 * scores;
}

/**
 * Gradients of `attention`; the weights are computed again from `normalizers`.
 * @param dq, dk, dv `[B·T, H·D]`
 */
export function attentionGrad(
  B: i32, T: i32, H: i32, D: i32, q: usize, k: usize, v: usize, cos: usize, sin: usize, out: usize, normalizers: usize,
  dOut: usize, dq: usize, dk: usize, dv: usize, scratch: usize,
): void {
  const head = <usize>D << 2, row = <usize>H * head, Tp = roundUp8(T), line = <usize>Tp << 2;
  const rowsBytes = <usize>T * head, across = panelBytes(D, T), along = panelBytes(T, D);
  const scale: f32 = <f32>1 / sqrt<f32>(<f32>D);
  const edge = scratch, Q = edge + EDGE_BYTES, K = Q + rowsBytes, G = K + rowsBytes;
  const KT = G + rowsBytes, VT = KT + across, KN = VT + across, QN = KN + along, ON = QN + along;
  const P = ON + along, S = P + <usize>T * line;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const at = <usize>(b * T) * row + <usize>h * head;
      for (let t: usize = 0; t < <usize>T; t++) {
        rotateRow(D, q + at + t * row, cos + t * head, sin + t * head, Q + t * head, scale, 1);
        rotateRow(D, k + at + t * row, cos + t * head, sin + t * head, K + t * head, 1, 1);
      }
      packPanels(D, T, K, 4, head, KT);
      packPanels(D, T, v + at, 4, row, VT);
      packPanels(T, D, K, head, 4, KN);
      packPanels(T, D, Q, head, 4, QN);
      packPanels(T, D, dOut + at, row, 4, ON);
      for (let i0 = 0; i0 < T; i0 += ROW_BLOCK) {
        const rows = min(ROW_BLOCK, T - i0), seen = roundUp8(i0 + rows);
        const weights = P + <usize>i0 * line, pulls = S + <usize>i0 * line;
        const dO = dOut + at + <usize>i0 * row;
        for (let j = 0; j < seen; j += 8) {
          const panel = <usize>(j >> 3) * (<usize>D << 5), to = <usize>j << 2;
          panelRows(rows, 8, D, Q + <usize>i0 * head, head, 4, KT + panel, weights + to, line, 0, edge);
          panelRows(rows, 8, D, dO, row, 4, VT + panel, pulls + to, line, 0, edge);
        }
        for (let i = 0; i < rows; i++) {
          const z = load<f32>(normalizers + (<usize>((b * H + h) * T + i0 + i) << 2));
          const o = <usize>i * row;
          const mean = dot(D, out + at + <usize>i0 * row + o, dO + o);
          scoreGradRow(i0 + i + 1, seen, weights + <usize>i * line, pulls + <usize>i * line, z, mean);
        }
        // dQ = dS · K
        for (let j = 0; j < D; j += 8) {
          const panel = KN + <usize>(j >> 3) * (<usize>T << 5);
          const to = G + <usize>i0 * head + (<usize>j << 2);
          panelRows(rows, D - j, min(seen, T), pulls, line, 4, panel, to, head, 0, edge);
        }
      }
      for (let t: usize = 0; t < <usize>T; t++) {
        rotateRow(D, G + t * head, cos + t * head, sin + t * head, dq + at + t * row, scale, -1);
      }
      // dK = dSᵀ · Q and dV = Pᵀ · dO: a position is seen by itself and by those after it.
      for (let s0 = 0; s0 < T; s0 += ROW_BLOCK) {
        const rows = min(ROW_BLOCK, T - s0), from = <usize>s0 * line + (<usize>s0 << 2);
        for (let j = 0; j < D; j += 8) {
          const panel = (<usize>(j >> 3) * <usize>T + <usize>s0) << 5, column = <usize>j << 2;
          const toK = G + <usize>s0 * head + column, toV = dv + at + <usize>s0 * row + column;
          panelRows(rows, D - j, T - s0, S + from, 4, line, QN + panel, toK, head, 0, edge);
          panelRows(rows, D - j, T - s0, P + from, 4, line, ON + panel, toV, row, 0, edge);
        }
      }
      for (let t: usize = 0; t < <usize>T; t++) {
        rotateRow(D, G + t * head, cos + t * head, sin + t * head, dk + at + t * row, 1, -1);
      }
    }
  }
}

/** Scores to weights, and what comes back to the weights to what goes back to the scores: w · (dw − Σ w·dw). */
// @ts-ignore: decorator
@inline
function scoreGradRow(count: i32, padded: i32, weights: usize, pulls: usize, normalizer: f32, mean: f32): void {
  const z = f32x4.splat(normalizer), mean4 = f32x4.splat(mean), end = <usize>padded << 2;
  for (let j: usize = 0; j < end; j += 16) {
    const w = exp4(f32x4.sub(v128.load(weights + j), z));
    v128.store(weights + j, w);
    v128.store(pulls + j, f32x4.mul(w, f32x4.sub(v128.load(pulls + j), mean4)));
  }
  for (let j = <usize>count << 2; j < end; j += 4) {
    store<f32>(weights + j, 0);
    store<f32>(pulls + j, 0);
  }
}

/** Σ a·b of n numbers. */
export function dot(n: i32, a: usize, b: usize): f32 {
  const body = (<usize>n << 2) & ~15, end = <usize>n << 2;
  let s = f32x4.splat(0);
  let j: usize = 0;
  for (; j < body; j += 16) s = fma4(v128.load(a + j), v128.load(b + j), s);
  let total = sum4(s);
  for (; j < end; j += 4) total += load<f32>(a + j) * load<f32>(b + j);
  return total;
}
