// Matrix products. B is packed into panels of 8 columns, [⌈n/8⌉][k][8], the last filled up with zeros.
import { EDGE_BYTES, panelRows, tileCount, tileOf, tileStart } from './tile';

/** Rows of B that a pass takes: a panel of 8 columns, 12 kB, stays in the first cache. */
// @ts-ignore: decorator
@inline const K_BLOCK: i32 = 384;
/** Tiles of A in a block, which stays in the second cache while all panels pass. */
// @ts-ignore: decorator
@inline const TILE_BLOCK: i32 = 8;

/** Bytes that `packPanels` fills. */
// @ts-ignore: decorator
@inline export function panelBytes(k: i32, n: i32): usize {
  return (<usize>k * <usize>((n + 7) & ~7)) << 2;
}

/** Packs B [k × n], whose element (i, j) is at `b + i·bks + j·bns`; one of the strides is 4. */
export function packPanels(k: i32, n: i32, b: usize, bks: usize, bns: usize, out: usize): void {
  const full = n & ~7;
  if (bns == 4) {
    for (let j = 0; j < full; j += 8) {
      let p = b + (<usize>j << 2);
      for (let i = 0; i < k; i++) {
        v128.store(out, v128.load(p));
        v128.store(out, v128.load(p, 16), 16);
        out += 32;
        p += bks;
      }
    }
  } else {
    const k4 = k & ~3;
    for (let j = 0; j < full; j += 8) {
      const column = b + <usize>j * bns;
      let i = 0;
      for (; i < k4; i += 4) {
        transpose4(column + (<usize>i << 2), bns, out);
        transpose4(column + (<usize>i << 2) + 4 * bns, bns, out + 16);
        out += 128;
      }
      for (; i < k; i++) {
        let p = column + (<usize>i << 2);
        for (let c = 0; c < 8; c++) {
          store<f32>(out, load<f32>(p));
          out += 4;
          p += bns;
        }
      }
    }
  }
  if (full == n) return;
  for (let i = 0; i < k; i++) {
    for (let j = full; j < full + 8; j++) {
      store<f32>(out, j < n ? load<f32>(b + <usize>i * bks + <usize>j * bns) : <f32>0);
      out += 4;
    }
  }
}

/** Four columns of four floats, `stride` apart, as four rows, 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(p: usize, stride: usize, out: usize): void {
  const r0 = v128.load(p), r1 = v128.load(p + stride), r2 = v128.load(p + 2 * stride), r3 = v128.load(p + 3 * stride);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<f64>(t0, t2, 0, 2));
  v128.store(out, v128.shuffle<f64>(t0, t2, 1, 3), 32);
  v128.store(out, v128.shuffle<f64>(t1, t3, 0, 2), 64);
  v128.store(out, v128.shuffle<f64>(t1, t3, 1, 3), 96);
}

/** C[m × n] (+)= A · B, with B packed and A of any strides, in bytes. */
export function gemmPacked(
  m: i32, n: i32, k: i32, a: usize, ars: usize, aks: usize, panels: usize, c: usize, crs: usize, acc: i32, edge: usize,
): void {
  const tiles = tileCount(m);
  for (let k0 = 0; k0 < k; k0 += K_BLOCK) {
    const kc = min(K_BLOCK, k - k0);
    const adds = acc | (k0 > 0 ? 1 : 0);
    for (let i0 = 0; i0 < tiles; i0 += TILE_BLOCK) {
      const first = tileStart(i0, m, tiles);
      const rows = tileStart(min(tiles, i0 + TILE_BLOCK), m, tiles) - first;
      const block = a + <usize>first * ars + <usize>k0 * aks;
      for (let j = 0; j < n; j += 8) {
        const panel = panels + ((<usize>(j >> 3) * <usize>k + <usize>k0) << 5);
        panelRows(rows, n - j, kc, block, ars, aks, panel, c + <usize>first * crs + (<usize>j << 2), crs, adds, edge);
      }
    }
  }
}

/** A block of Aᵀ, stored [k × m], as tiles [kc][rows of the tile] one after the other. */
function packTiles(kc: i32, i0: i32, i1: i32, m: i32, tiles: i32, a: usize, lda: usize, out: usize): void {
  for (let i = i0; i < i1; i++) {
    const first = tileStart(i, m, tiles);
    const rows = tileStart(i + 1, m, tiles) - first;
    let p = a + (<usize>first << 2);
    if (rows >= 4) {
      const rest = <usize>(rows - 4) << 2;
      for (let k = 0; k < kc; k++) {
        v128.store(out, v128.load(p));
        for (let r: usize = 0; r < rest; r += 4) store<f32>(out + 16 + r, load<f32>(p + 16 + r));
        out += 16 + rest;
        p += lda;
      }
    } else {
      for (let k = 0; k < kc; k++) {
        for (let r = 0; r < rows; r++) store<f32>(out + (<usize>r << 2), load<f32>(p + (<usize>r << 2)));
        out += <usize>rows << 2;
        p += lda;
      }
    }
  }
}

/** C[m × n] (+)= Aᵀ · B, with A stored [k × m] in rows of `lda` bytes. */
function gemmTransposed(
  m: i32, n: i32, k: i32, a: usize, lda: usize, panels: usize, c: usize, crs: usize, acc: i32, edge: usize, packed: usize,
): void {
  const tiles = tileCount(m);
  for (let k0 = 0; k0 < k; k0 += K_BLOCK) {
    const kc = min(K_BLOCK, k - k0);
    const adds = acc | (k0 > 0 ? 1 : 0);
    for (let i0 = 0; i0 < tiles; i0 += TILE_BLOCK) {
      const i1 = min(tiles, i0 + TILE_BLOCK);
      packTiles(kc, i0, i1, m, tiles, a + <usize>k0 * lda, lda, packed);
      for (let j = 0; j < n; j += 8) {
        const panel = panels + ((<usize>(j >> 3) * <usize>k + <usize>k0) << 5);
        let p = packed;
        for (let i = i0; i < i1; i++) {
          const first = tileStart(i, m, tiles);
          const rows = tileStart(i + 1, m, tiles) - first;
          const to = c + <usize>first * crs + (<usize>j << 2);
          tileOf(rows, n - j, kc, p, 4, <usize>rows << 2, panel, to, crs, adds, edge);
          p += (<usize>kc * <usize>rows) << 2;
        }
      }
    }
  }
}

/** Scratch bytes of `gemmPacked`: its `edge`. */
export function gemmPackedScratch(): usize {
  return EDGE_BYTES;
}

/** Scratch bytes of `gemm`. */
export function gemmScratch(n: i32, k: i32): usize {
  return EDGE_BYTES + panelBytes(k, n) + (<usize>(K_BLOCK * TILE_BLOCK * 6) << 2);
}

/** C[m × n] (+)= op(A) · op(B): A is stored [k × m] if `ta`, B [n × k] if `tb`. */
export function gemm(m: i32, n: i32, k: i32, a: usize, ta: i32, b: usize, tb: i32, c: usize, acc: i32, scratch: usize): void {
  const panels = scratch + EDGE_BYTES;
  const crs = <usize>n << 2;
  if (tb) packPanels(k, n, b, 4, <usize>k << 2, panels);
  else packPanels(k, n, b, crs, 4, panels);
  if (ta) gemmTransposed(m, n, k, a, <usize>m << 2, panels, c, crs, acc, scratch, panels + panelBytes(k, n));
  else gemmPacked(m, n, k, a, <usize>k << 2, 4, panels, c, crs, acc, scratch);
}
