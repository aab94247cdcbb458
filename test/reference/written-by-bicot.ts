import { encodeSafetensors } from '../../src/models/safetensors.js';

/** The bytes of `test/fixtures/bicot.safetensors`: every number format, an odd length before others, no elements. */
export function writtenByBicot(): Uint8Array {
  return encodeSafetensors(
    {
      bytes: { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 255) },
      float: { dtype: 'F32', shape: [2, 3], data: Float32Array.of(0.5, -1.25, 3e38, 0.1, 1e-45, -0) },
      integer: { dtype: 'I32', shape: [2, 1], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) },
      empty: { dtype: 'F32', shape: [0, 2], data: new Float32Array(0) },
    },
    { title: 'Grüße 🍌' },
  );
}
