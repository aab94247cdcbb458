// The register tile: up to TILE_ROWS × 8 sums held in registers while k runs. Each sum adds its products in the order
// of k, whatever the tile's height, so that a row's result does not depend on how many rows there are.
import { fma4, TILE_ROWS } from './simd';

/** C[R × 8] (+)= A[R × kc] · B[kc × 8]. R is known when compiling; A has any strides, in bytes. */
// @ts-ignore: decorator
@inline
function tile(R: i32, kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  let a0 = a, a1 = a, a2 = a, a3 = a, a4 = a, a5 = a;
  if (R > 1) a1 = a0 + ars;
  if (R > 2) a2 = a1 + ars;
  if (R > 3) a3 = a2 + ars;
  if (R > 4) a4 = a3 + ars;
  if (R > 5) a5 = a4 + ars;
  const z = f32x4.splat(0);
  let c00 = z, c01 = z, c10 = z, c11 = z, c20 = z, c21 = z, c30 = z, c31 = z, c40 = z, c41 = z, c50 = z, c51 = z;
  if (acc) {
    // Sums go on from what C holds. Adding it at the end would make older V8 keep sums in memory while k runs: half the
    // speed.
    let p = c;
    c00 = v128.load(p);
    c01 = v128.load(p, 16);
    if (R > 1) {
      p += crs;
      c10 = v128.load(p);
      c11 = v128.load(p, 16);
    }
    if (R > 2) {
      p += crs;
      c20 = v128.load(p);
      c21 = v128.load(p, 16);
    }
    if (R > 3) {
      p += crs;
      c30 = v128.load(p);
      c31 = v128.load(p, 16);
    }
    if (R > 4) {
      p += crs;
      c40 = v128.load(p);
      c41 = v128.load(p, 16);
    }
    if (R > 5) {
      p += crs;
      c50 = v128.load(p);
      c51 = v128.load(p, 16);
    }
  }
  for (; kc > 0; kc--) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    b += 32;
    let t = v128.load32_splat(a0);
    a0 += aks;
    c00 = fma4(t, b0, c00);
    c01 = fma4(t, b1, c01);
    if (R > 1) {
      t = v128.load32_splat(a1);
      a1 += aks;
      c10 = fma4(t, b0, c10);
      c11 = fma4(t, b1, c11);
    }
    if (R > 2) {
      t = v128.load32_splat(a2);
      a2 += aks;
      c20 = fma4(t, b0, c20);
      c21 = fma4(t, b1, c21);
    }
    if (R > 3) {
      t = v128.load32_splat(a3);
      a3 += aks;
      c30 = fma4(t, b0, c30);
      c31 = fma4(t, b1, c31);
    }
    if (R > 4) {
      t = v128.load32_splat(a4);
      a4 += aks;
      c40 = fma4(t, b0, c40);
      c41 = fma4(t, b1, c41);
    }
    if (R > 5) {
      t = v128.load32_splat(a5);
      a5 += aks;
      c50 = fma4(t, b0, c50);
      c51 = fma4(t, b1, c51);
    }
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  if (R > 1) {
    c += crs;
    v128.store(c, c10);
    v128.store(c, c11, 16);
  }
  if (R > 2) {
    c += crs;
    v128.store(c, c20);
    v128.store(c, c21, 16);
  }
  if (R > 3) {
    c += crs;
    v128.store(c, c30);
    v128.store(c, c31, 16);
  }
  if (R > 4) {
    c += crs;
    v128.store(c, c40);
    v128.store(c, c41, 16);
  }
  if (R > 5) {
    c += crs;
    v128.store(c, c50);
    v128.store(c, c51, 16);
  }
}

function tile1(kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  tile(1, kc, a, ars, aks, b, c, crs, acc);
}
function tile2(kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  tile(2, kc, a, ars, aks, b, c, crs, acc);
}
function tile3(kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  tile(3, kc, a, ars, aks, b, c, crs, acc);
}
function tile4(kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  tile(4, kc, a, ars, aks, b, c, crs, acc);
}
function tile5(kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  tile(5, kc, a, ars, aks, b, c, crs, acc);
}
function tile6(kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  tile(6, kc, a, ars, aks, b, c, crs, acc);
}

/** The tile of this height. */
// @ts-ignore: decorator
@inline
function anyTile(R: i32, kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32): void {
  if (R == 5) tile5(kc, a, ars, aks, b, c, crs, acc);
  else if (R == 4) tile4(kc, a, ars, aks, b, c, crs, acc);
  else if (TILE_ROWS > 5 && R == 6) tile6(kc, a, ars, aks, b, c, crs, acc);
  else if (R == 3) tile3(kc, a, ars, aks, b, c, crs, acc);
  else if (R == 2) tile2(kc, a, ars, aks, b, c, crs, acc);
  else tile1(kc, a, ars, aks, b, c, crs, acc);
}

/** Bytes of the `edge` buffer of `tileOf`. */
// @ts-ignore: decorator
@inline export const EDGE_BYTES: usize = 256;

/**
 * One tile with `columns` (1 to 8) of the panel's columns. B's panels are filled up with zeros, C is not: a narrower
 * tile is computed in `edge` and its columns are copied.
 */
// @ts-ignore: decorator
@inline
export function tileOf(
  R: i32, columns: i32, kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32, edge: usize,
): void {
  if (columns >= 8) {
    anyTile(R, kc, a, ars, aks, b, c, crs, acc);
    return;
  }
  anyTile(R, kc, a, ars, aks, b, edge, 32, 0);
  copyEdge(R, columns, edge, c, crs, acc);
}

function copyEdge(R: i32, columns: i32, edge: usize, c: usize, crs: usize, acc: i32): void {
  for (let r = 0; r < R; r++) {
    for (let j = 0; j < columns << 2; j += 4) {
      const value = load<f32>(edge + j);
      store<f32>(c + j, acc ? value + load<f32>(c + j) : value);
    }
    edge += 32;
    c += crs;
  }
}

/** Tiles that m rows are divided into, as evenly as possible. */
// @ts-ignore: decorator
@inline export function tileCount(m: i32): i32 {
  return (m + TILE_ROWS - 1) / TILE_ROWS;
}

/** First row of a tile: the first `m % count` tiles have a row more than the others. */
// @ts-ignore: decorator
@inline export function tileStart(i: i32, m: i32, count: i32): i32 {
  const extra = m % count;
  return i * (m / count) + (i < extra ? i : extra);
}

/** All m rows of one panel. */
export function panelRows(
  m: i32, columns: i32, kc: i32, a: usize, ars: usize, aks: usize, b: usize, c: usize, crs: usize, acc: i32, edge: usize,
): void {
  const count = tileCount(m);
  if (count == 0) return;
  const height = m / count, extra = m % count;
  for (let i = 0; i < count; i++) {
    const R = i < extra ? height + 1 : height;
    tileOf(R, columns, kc, a, ars, aks, b, c, crs, acc, edge);
    a += <usize>R * ars;
    c += <usize>R * crs;
  }
}
