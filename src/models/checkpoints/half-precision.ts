import { BicotError } from '../../errors.js';

/** Number formats that weights are stored in and that become float32. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

/** Whether numbers of a format become float32. */
export const isFloatDtype = (dtype: string): dtype is FloatDtype =>
  dtype === 'F32' || dtype === 'F16' || dtype === 'BF16';

/** The same bytes as numbers; copied only if they lie at an odd address. */
function words(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 1);
}

let halves: Uint32Array | undefined;

/** The bits of every half-precision number as single precision: 1 sign, 5 exponent, 10 fraction bits. */
function halfTable(): Uint32Array {
  halves ??= Uint32Array.from({ length: 65536 }, (_, half) => {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
    if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
    if (fraction === 0) return sign;
    // A subnormal: shifted until its leading bit is the hidden one.
    const shift = Math.clz32(fraction) - 21;
    return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
  });
  return halves;
}

/**
 * Stored numbers as float32.
 * @param bytes little-endian, as many numbers as `target` has room for
 * @param target where they go; may be memory of a backend
 */
export function widenInto(bytes: Uint8Array, dtype: FloatDtype, target: Float32Array): void {
  if (dtype === 'F32') {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes);
    return;
  }
  // Bits and not numbers are moved, which keeps NaN as it is.
  const source = words(bytes);
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  if (dtype === 'BF16') {
    for (let i = 0; i < source.length; i++) bits[i] = (source[i] as number) << 16;
  } else {
    const table = halfTable();
    for (let i = 0; i < source.length; i++) bits[i] = table[source[i] as number] as number;
  }
}

/** Bytes of a number. */
export const floatBytes = (dtype: FloatDtype): number => (dtype === 'F32' ? 4 : 2);

/** Stored numbers, as float32 in an array of their own. */
export function widen(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  const values = new Float32Array(bytes.byteLength / floatBytes(dtype));
  widenInto(bytes, dtype, values);
  return values;
}

/** The nearest bfloat16 of a float32, ties to even. Rounding up carries into the exponent, at the end to infinity. */
function toBfloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The nearest half-precision number of a float32, ties to even. */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00 | ((size >>> 13) & 0x3ff);
  // Half way from the largest half, 65504, to the next that there would be.
  if (size >= 0x477ff000) return sign | 0x7c00;
  if (size >= 0x38800000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  // Below 2⁻¹⁴ halves are multiples of 2⁻²⁴; below half of that there is only 0.
  if (size < 0x33000000) return sign;
  const shift = 126 - (size >>> 23);
  const fraction = (size & 0x7fffff) | 0x800000;
  const down = fraction >>> shift;
  return sign | ((fraction + (1 << (shift - 1)) - 1 + (down & 1)) >>> shift);
}

/**
 * Numbers as they are stored, little-endian: rounded to the nearest, ties to even; NaN stays NaN, and what is too large
 * becomes infinite.
 * @throws BicotError `value` for another format
 */
export function encodeFloats(values: Float32Array, dtype: FloatDtype): Uint8Array {
  if (!isFloatDtype(dtype)) {
    throw new BicotError('value', `encodeFloats: there is no format '${dtype}'; choose F32, F16 or BF16.`);
  }
  if (dtype === 'F32') {
    return new Uint8Array(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const stored = new Uint16Array(values.length);
  if (dtype === 'BF16') {
    for (let i = 0; i < bits.length; i++) stored[i] = toBfloat16(bits[i] as number);
  } else {
    for (let i = 0; i < bits.length; i++) stored[i] = toHalf(bits[i] as number);
  }
  return new Uint8Array(stored.buffer);
}
