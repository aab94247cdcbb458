/**
 * As much of protobuf's wire format as event files need (protobuf.dev/programming-guides/encoding): fields with numbers
 * below 16, encoded one after the other; a message is their concatenation.
 */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const key = (field: number, wire: number): number => (field << 3) | wire;

/** A whole number from 0 up to 2^53, seven bits at a time, lowest first. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

/** Bytes one after the other. */
export const concat = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** An int32, int64 or enum that is not negative. */
export const uintField = (field: number, value: number): Uint8Array =>
  Uint8Array.of(key(field, VARINT), ...varint(value));

/** A float. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = key(field, FIXED32);
  new DataView(bytes.buffer).setFloat32(1, value, true);
  return bytes;
}

/** A double. */
export function doubleField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(9);
  bytes[0] = key(field, FIXED64);
  new DataView(bytes.buffer).setFloat64(1, value, true);
  return bytes;
}

/** Doubles, packed. */
export function doublesField(field: number, values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    view.setFloat64(8 * i, value, true);
  });
  return bytesField(field, bytes);
}

/** Bytes. */
export const bytesField = (field: number, bytes: Uint8Array): Uint8Array =>
  concat([Uint8Array.of(key(field, BYTES), ...varint(bytes.length)), bytes]);

/** Text, as UTF-8. */
export const textField = (field: number, text: string): Uint8Array =>
  bytesField(field, new TextEncoder().encode(text));

/** A message. */
export const messageField = (field: number, ...fields: readonly Uint8Array[]): Uint8Array =>
  bytesField(field, concat(fields));
