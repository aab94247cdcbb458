// Four floats at a time: what the kernels are made of. `fma4` is one fused instruction in the relaxed-SIMD build,
// whose last bit depends on the machine, and a product and a sum in the plain one, which is the same everywhere.

/** Rows of a register tile: as many as fit 16 vector registers beside two of B and the temporary product. */
// @ts-ignore: decorator
@inline export const TILE_ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/** a·b + c */
// @ts-ignore: decorator
@inline export function fma4(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  else return f32x4.add(f32x4.mul(a, b), c);
}

/** Σ of the lanes. */
// @ts-ignore: decorator
@inline export function sum4(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** The largest lane. */
// @ts-ignore: decorator
@inline export function max4(v: v128): f32 {
  const a = f32x4.extract_lane(v, 0), b = f32x4.extract_lane(v, 1), c = f32x4.extract_lane(v, 2), d = f32x4.extract_lane(v, 3);
  const left = a < b ? b : a, right = c < d ? d : c;
  return left < right ? right : left;
}

/** The first `count` (1 to 3) floats at `p`; the other lanes are those of `rest`. */
export function loadTail(p: usize, count: i32, rest: v128): v128 {
  let v = f32x4.replace_lane(rest, 0, load<f32>(p));
  if (count > 1) v = f32x4.replace_lane(v, 1, load<f32>(p, 4));
  if (count > 2) v = f32x4.replace_lane(v, 2, load<f32>(p, 8));
  return v;
}

/** Stores the first `count` (1 to 3) lanes. */
export function storeTail(p: usize, count: i32, v: v128): void {
  store<f32>(p, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(p, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(p, f32x4.extract_lane(v, 2), 8);
}

/**
 * Where exp(x) is taken for 0. exp(−64) is 1.6e-28, nothing beside the 1 that the largest score has, and leaves ten
 * orders of magnitude for what it is multiplied with before a product is subnormal, which would cost a hundred times a
 * normal number in all that follows.
 */
// @ts-ignore: decorator
@inline const LEAST: f32 = -64;

/**
 * exp(x) for x up to 88 (Cephes' expf: 2^n by exponent bits, a polynomial for the rest; relative error 1e-7); exactly 0
 * below `LEAST`. NaN stays NaN: the order of pmax's operands matters.
 */
// @ts-ignore: decorator
@inline export function exp4(x: v128): v128 {
  const vanishes = f32x4.lt(x, f32x4.splat(LEAST));
  x = f32x4.pmax(x, f32x4.splat(LEAST));
  // Adding 1.5·2²³ rounds to a whole number; the added 127 is the exponent's bias.
  let whole = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504088896341)), f32x4.splat(12583039.0));
  const power = i32x4.shl(whole, 23);
  whole = f32x4.sub(whole, f32x4.splat(12583039.0));
  // ln 2 in two parts, so that the difference is exact.
  let r = f32x4.sub(x, f32x4.mul(whole, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(whole, f32x4.splat(2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = fma4(p, r, f32x4.splat(1.3981999507e-3));
  p = fma4(p, r, f32x4.splat(8.3334519073e-3));
  p = fma4(p, r, f32x4.splat(4.1665795894e-2));
  p = fma4(p, r, f32x4.splat(1.6666665459e-1));
  p = fma4(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(fma4(p, f32x4.mul(r, r), r), f32x4.splat(1));
  return v128.andnot(f32x4.mul(p, power), vanishes);
}

/** 1 / (1 + exp(−x)); exactly 0 below `LEAST`, so that x times it goes to 0 for any x. NaN stays NaN here too. */
// @ts-ignore: decorator
@inline export function sigmoid4(x: v128): v128 {
  const vanishes = f32x4.lt(x, f32x4.splat(LEAST));
  const e = exp4(f32x4.pmin(f32x4.neg(x), f32x4.splat(-LEAST)));
  return v128.andnot(f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), e)), vanishes);
}

/** log(x) for normal positive x (Cephes' logf). NaN and infinities stay what they are. */
export function log1(x: f32): f32 {
  if (!(x - x == 0)) return x;
  const bits = reinterpret<i32>(x);
  let exponent = ((bits >> 23) & 0xff) - 126;
  let m = reinterpret<f32>((bits & 0x807fffff) | 0x3f000000);
  if (m < 0.707106781186547524) {
    exponent -= 1;
    m = m + m - 1;
  } else m = m - 1;
  const z = m * m;
  let y: f32 = 7.0376836292e-2;
  y = y * m - 1.1514610310e-1;
  y = y * m + 1.1676998740e-1;
  y = y * m - 1.2420140846e-1;
  y = y * m + 1.4249322787e-1;
  y = y * m - 1.6668057665e-1;
  y = y * m + 2.0000714765e-1;
  y = y * m - 2.4999993993e-1;
  y = y * m + 3.3333331174e-1;
  y = y * m * z;
  const e = <f32>exponent;
  y += -2.12194440e-4 * e;
  y += -0.5 * z;
  return m + y + 0.693359375 * e;
}
