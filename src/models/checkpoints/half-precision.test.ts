import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFloats, type FloatDtype, widen } from './half-precision.js';

/** A number of 16 bits by its definition, in float64. */
function defined(bits: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

const ALL = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const bytesOf = (values: Uint16Array): Uint8Array => new Uint8Array(values.buffer);
const wordsOf = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.buffer);

describe.each<[FloatDtype, number]>([
  ['F16', 5],
  ['BF16', 8],
])('%s', (dtype, exponentBits) => {
  const fractionBits = 15 - exponentBits;
  const infinity = (2 ** exponentBits - 1) << fractionBits;

  it('widens every number to what it is', () => {
    const wide = widen(bytesOf(ALL), dtype);
    expect([...wide]).toEqual([...ALL].map((bits) => defined(bits, exponentBits)));
  });

  it('is what it was after widening, NaN included', () => {
    const quiet = 1 << (fractionBits - 1);
    const isNaNBits = (bits: number): boolean => (bits & 0x7fff) > infinity;
    const again = wordsOf(encodeFloats(widen(bytesOf(ALL), dtype), dtype));
    expect([...again]).toEqual([...ALL].map((bits) => (isNaNBits(bits) ? bits | quiet : bits)));
  });

  it('rounds to the nearest, half way to the even one', () => {
    // Of all neighbours: half way between them, and the float32 next to that on either side.
    const down = ALL.subarray(0, infinity);
    const half = Float32Array.from(down, (bits) => {
      const above =
        bits + 1 === infinity
          ? 2 * defined(bits, exponentBits) - defined(bits - 1, exponentBits)
          : defined(bits + 1, exponentBits);
      return (defined(bits, exponentBits) + above) / 2;
    });
    const step = (by: number): Float32Array =>
      new Float32Array(Int32Array.from(new Int32Array(half.buffer), (bits) => bits + by).buffer);
    const encode = (values: Float32Array): number[] => [...wordsOf(encodeFloats(values, dtype))];
    expect(encode(step(-1))).toEqual([...down]);
    expect(encode(half)).toEqual([...down].map((bits) => bits + (bits % 2)));
    expect(encode(step(1))).toEqual([...down].map((bits) => bits + 1));
    const negative = half.map((value) => -value);
    expect(encode(negative)).toEqual([...down].map((bits) => 0x8000 | (bits + (bits % 2))));
  });

  it('gives any float32 the nearest number that there is', () => {
    const bits = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 20 }), (list) => {
        const values = new Float32Array(Uint32Array.from(list).buffer);
        const stored = wordsOf(encodeFloats(values, dtype));
        for (const [i, value] of values.entries()) {
          const found = defined(stored[i] as number, exponentBits);
          if (Number.isNaN(value)) expect(found).toBeNaN();
          if (!Number.isFinite(found)) continue;
          for (const other of [-1, 1]) {
            const magnitude = (stored[i] as number) & 0x7fff;
            if (magnitude + other < 0 || magnitude + other >= infinity) continue;
            const neighbour = defined((stored[i] as number) + other, exponentBits);
            expect(Math.abs(found - value)).toBeLessThanOrEqual(Math.abs(neighbour - value));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is read from any address', () => {
    const shifted = new Uint8Array([9, ...bytesOf(ALL.slice(0x3c00, 0x3c04))]).subarray(1);
    expect([...widen(shifted, dtype)]).toEqual(
      [0x3c00, 0x3c01, 0x3c02, 0x3c03].map((bits) => defined(bits, exponentBits)),
    );
  });
});

describe('encodeFloats', () => {
  it('writes float32 as it is, a copy', () => {
    const values = Float32Array.of(1, -0, Number.NaN, 1e-45).subarray(1);
    const bytes = encodeFloats(values, 'F32');
    expect(bytes.length).toBe(12);
    values[0] = 5;
    expect([...widen(bytes, 'F32')]).toEqual([-0, Number.NaN, 1.401298464324817e-45]);
  });

  it('refuses other formats', () => {
    expect(() => encodeFloats(new Float32Array(1), 'F64' as FloatDtype)).toThrow(
      /no format 'F64'; choose F32, F16 or BF16/,
    );
  });
});
