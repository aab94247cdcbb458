import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors, type HostTensor } from './safetensors.js';
import { exportWeights, importWeights } from './weights.js';

const code = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'no error';
};

describe('safetensors', () => {
  it('has the documented byte layout', () => {
    const bytes = encodeSafetensors({ a: { dtype: 'F32', shape: [2], data: Float32Array.of(1, -2) } });
    const header = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const padded = Math.ceil(header.length / 8) * 8;
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true))).toBe(padded);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded)).trimEnd()).toBe(header);
    expect(bytes.length).toBe(8 + padded + 8);
    expect(new DataView(bytes.buffer).getFloat32(8 + padded + 4, true)).toBe(-2);
  });

  it('gives back what was written', () => {
    const tensor = fc.oneof(
      fc
        .float32Array({ maxLength: 20 })
        .map((data): HostTensor => ({ dtype: 'F32', shape: [data.length], data })),
      fc
        .int32Array({ maxLength: 20 })
        .map((data): HostTensor => ({ dtype: 'I32', shape: [data.length], data })),
      fc
        .uint8Array({ maxLength: 20 })
        .map((data): HostTensor => ({ dtype: 'U8', shape: [1, data.length], data })),
    );
    const names = fc
      .string({ minLength: 1 })
      .filter((name) => name !== '__metadata__' && name !== '__proto__');
    fc.assert(
      fc.property(
        fc.dictionary(names, tensor),
        fc.dictionary(fc.constantFrom('x', 'y'), fc.string()),
        (tensors, metadata) => {
          const read = decodeSafetensors(encodeSafetensors(tensors, metadata));
          expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(tensors).sort());
          for (const [name, { data, shape, dtype }] of Object.entries(tensors)) {
            expect(read.tensors[name]).toEqual({ dtype, shape, data });
          }
          expect({ ...read.metadata }).toEqual({ ...metadata });
        },
      ),
      { numRuns: 50 },
    );
  });

  it('widens half precision', () => {
    const write = (dtype: string, halves: number[]) => {
      const header = new TextEncoder().encode(
        JSON.stringify({ h: { dtype, shape: [halves.length], data_offsets: [0, halves.length * 2] } }),
      );
      const bytes = new Uint8Array(8 + header.length + halves.length * 2);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(0, BigInt(header.length), true);
      bytes.set(header, 8);
      halves.forEach((half, i) => void view.setUint16(8 + header.length + i * 2, half, true));
      return [...(decodeSafetensors(bytes).tensors.h as HostTensor).data];
    };
    // 1, −2, the smallest subnormal, the largest finite number (IEEE 754 binary16)
    expect(write('F16', [0x3c00, 0xc000, 0x0001, 0x7bff])).toEqual([1, -2, 2 ** -24, 65504]);
    expect(write('BF16', [0x3f80, 0xc040])).toEqual([1, -3]);
  });

  it('rejects every truncation and says what to do', () => {
    const bytes = encodeSafetensors({ a: { dtype: 'F32', shape: [3], data: Float32Array.of(1, 2, 3) } });
    for (let length = 0; length < bytes.length; length++) {
      expect(code(() => decodeSafetensors(bytes.subarray(0, length)))).toBe('safetensors');
    }
    expect(() => decodeSafetensors(bytes.subarray(0, bytes.length - 1), 'model.safetensors')).toThrow(
      /model\.safetensors: a lies at bytes 0–12, but the data has 11\. .*fetch or save it again/,
    );
  });

  it('rejects damaged headers', () => {
    const bytes = encodeSafetensors({ a: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } });
    for (let at = 0; at < bytes.length - 4; at++) {
      const damaged = bytes.slice();
      damaged[at] = 0xff;
      expect(code(() => decodeSafetensors(damaged))).toBe('safetensors');
    }
  });

  describe('as the official reader, rejects a header', () => {
    const file = (header: unknown, dataBytes = 8): Uint8Array => {
      const json = new TextEncoder().encode(JSON.stringify(header));
      const bytes = new Uint8Array(8 + json.length + dataBytes);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
      bytes.set(json, 8);
      return bytes;
    };
    const f32 = (begin: unknown, end: unknown, shape: unknown = [1]) => ({
      dtype: 'F32',
      shape,
      data_offsets: [begin, end],
    });
    it.each<[string, unknown, RegExp]>([
      ['that is null', null, /the header is null/],
      ['that is a number', 12, /the header is a number/],
      ['that is a list', [], /the header is a list/],
      ['with an entry that is no object', { a: 3, b: f32(0, 8, [2]) }, /a is a number/],
      ['with a negative size', { a: f32(0, 8, [-2, -1]) }, /a has the shape \[-2,-1\]/],
      ['with half a size', { a: f32(0, 8, [0.5, 4]) }, /a has the shape \[0\.5,4\]/],
      ['with a size that is a string', { a: f32(0, 8, ['2']) }, /a has the shape \["2"\]/],
      ['with offsets that are strings', { a: f32('0', '8', [2]) }, /a has the offsets \["0","8"\]/],
      ['with half an offset', { a: f32(0.5, 8.5, [2]) }, /a has the offsets \[0\.5,8\.5\]/],
      ['with one offset', { a: { ...f32(0, 8, [2]), data_offsets: [0] } }, /a has the offsets \[0\]/],
      [
        'with a format that objects inherit',
        { a: { ...f32(0, 8, [2]), dtype: 'valueOf' } },
        /format "valueOf"/,
      ],
      ['with trailing bytes', { a: f32(0, 4) }, /4 bytes at the end belong to no tensor/],
      ['with bytes but no tensors', {}, /8 bytes at the end belong to no tensor/],
      ['with a gap before the first', { a: f32(4, 8) }, /a starts at byte 4.*expected 0/],
      ['with an overlap', { a: f32(0, 4), b: f32(4, 8), c: f32(0, 4) }, /c starts at byte 0.*expected 4/],
      ['with metadata that is a list', { __metadata__: ['x'], a: f32(0, 8, [2]) }, /__metadata__ is a list/],
      [
        'with a number as metadata',
        { __metadata__: { n: 1 }, a: f32(0, 8, [2]) },
        /__metadata__ n is a number/,
      ],
    ])('%s', (_, header, message) => {
      expect(code(() => decodeSafetensors(file(header)))).toBe('safetensors');
      expect(() => decodeSafetensors(file(header))).toThrow(message);
    });

    it('but not one whose tensors stand in another order, or are empty', () => {
      const { tensors } = decodeSafetensors(file({ z: f32(4, 8), none: f32(4, 4, [0, 3]), a: f32(0, 4) }));
      expect(Object.keys(tensors)).toEqual(['z', 'none', 'a']);
      expect(tensors.none).toEqual({ dtype: 'F32', shape: [0, 3], data: new Float32Array(0) });
      expect(decodeSafetensors(file({}, 0))).toEqual({ tensors: {}, metadata: {} });
    });
  });

  it('refuses data that does not fit its shape', () => {
    expect(() =>
      encodeSafetensors({ a: { dtype: 'F32', shape: [2, 2], data: new Float32Array(3) } }),
    ).toThrow(/a has 3 values but its shape \[2, 2\] needs 4/);
  });
});

describe('weights', () => {
  it('survive export and import, and misfits are named', async () => {
    const variables = { w: tf.variable(tf.tensor2d([1, 2], [1, 2])), b: tf.variable(tf.tensor1d([3])) };
    const exported = await exportWeights(variables);
    tf.tidy(() => variables.w.assign(tf.zeros([1, 2])));
    importWeights(variables, decodeSafetensors(encodeSafetensors(exported)).tensors);
    expect([...(await variables.w.data())]).toEqual([1, 2]);
    const { w, ...rest } = exported;
    expect(() => importWeights(variables, rest)).toThrow(/Missing: w\./);
    expect(() => importWeights(variables, { ...exported, extra: w as HostTensor })).toThrow(
      /Left over: extra\./,
    );
    expect(() => importWeights(variables, { ...exported, b: w as HostTensor })).toThrow(
      /Of another shape: b \[1, 2\] instead of \[1\]/,
    );
    tf.dispose(variables);
  });

  it('are copies both ways, so that later changes stay apart', async () => {
    await tf.setBackend('cpu'); // whose data() gives the tensor's own memory
    const w = tf.variable(tf.tensor1d([1, 2]));
    const exported = await exportWeights({ w });
    (exported.w as HostTensor).data[0] = 9;
    expect([...(await w.data())]).toEqual([1, 2]);
    importWeights({ w }, exported);
    (exported.w as HostTensor).data[0] = 5;
    expect([...(await w.data())]).toEqual([9, 2]);
    w.dispose();
  });

  it('of another number format are refused by name, and change nothing', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const whole: HostTensor = { dtype: 'I32', shape: [2], data: Int32Array.of(3, 4) };
    expect(code(() => importWeights({ w }, { w: whole }))).toBe('safetensors');
    expect(() => importWeights({ w }, { w: whole })).toThrow(/Not of the number format F32: w I32\./);
    expect([...(await w.data())]).toEqual([1, 2]);
    w.dispose();
  });
});
