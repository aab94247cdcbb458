import type { PickleFail } from './pickle-value.js';

/** Reads bytes forward. */
export interface Cursor {
  /** A number of 1 to 4 bytes. */
  uint(bytes: number): number;
  /** A signed number of up to 8 bytes, which a float64 must hold exactly. */
  int(bytes: number): number;
  /** A float64, big-endian as pickles have it. */
  float(): number;
  text(bytes: number): string;
  line(): string;
  left(): number;
}

/** From the first of these bytes on. */
export function startCursor(bytes: Uint8Array, fail: PickleFail): Cursor {
  const decoder = new TextDecoder();
  let at = 0;
  const take = (count: number): Uint8Array => {
    if (at + count > bytes.length) fail('it ends early');
    at += count;
    return bytes.subarray(at - count, at);
  };
  return {
    uint: (count) => take(count).reduceRight((value, byte) => value * 256 + byte, 0),
    int(count) {
      const unsigned = take(count).reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
      const signed = BigInt.asIntN(count * 8, unsigned);
      const value = Number(signed);
      return Number.isSafeInteger(value) ? value : fail(`it has the number ${signed}`);
    },
    float() {
      const { buffer, byteOffset } = take(8);
      return new DataView(buffer, byteOffset, 8).getFloat64(0);
    },
    text: (count) => decoder.decode(take(count)),
    line() {
      const end = bytes.indexOf(0x0a, at);
      if (end < 0) fail('it ends early');
      const line = decoder.decode(bytes.subarray(at, end));
      at = end + 1;
      return line;
    },
    left: () => bytes.length - at,
  };
}
