import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from './codec.js';
import { pack, unpack } from './packed.js';

const numbers = fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 2 ** 53));
const leaf = fc.oneof(
  ...[numbers, fc.string(), fc.boolean(), fc.constantFrom(null, undefined)],
  ...[fc.float32Array(), fc.float64Array(), fc.int32Array(), fc.uint8Array()],
);
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('encode and decode', () => {
  it('give plain data back, wherever its bytes lie', () => {
    fc.assert(
      fc.property(plain, fc.nat({ max: 9 }), (value, at) => {
        const bytes = encode(value);
        // As sockets and zlib give them: a part of memory that others use too.
        const shared = Buffer.alloc(bytes.length + 16);
        shared.set(bytes, at);
        expect(decode(shared.subarray(at, at + bytes.length))).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  it('keep what is one object one object', () => {
    const context = { ids: Int32Array.of(1, 2) };
    const [a, b, c] = decode(encode([context, context, { ...context }])) as { ids: Int32Array }[];
    expect(a).toBe(b);
    expect(c).not.toBe(a);
    expect(c?.ids).toBe(a?.ids);
  });

  it('make no prototypes and no code of what a stranger writes', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}}');
    const back = decode(encode(value)) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('refuse functions, classes and cycles, saying where', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => encode({ a: [() => 1] })).toThrow(/it\.a\[0\] is function.*plain data/);
    expect(() => encode({ when: new Date() })).toThrow(/it\.when is Date/);
    expect(() => encode(cycle)).toThrow(/it\.self is a cycle/);
  });

  it('refuse what is damaged, in words and never otherwise', () => {
    fc.assert(
      fc.property(plain, fc.nat(), fc.nat({ max: 255 }), (value, where, byte) => {
        const bytes = encode(value);
        bytes[where % bytes.length] = byte;
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: 'BicotError', code: 'value' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('pack and unpack', () => {
  const limit = { most: 1000, what: 'it' };
  it('give bytes back, and nothing that is damaged, too large or a bomb', async () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 7);
    const { stored, ...info } = await pack(bytes, limit);
    expect(Uint8Array.from(await unpack(stored, info, limit))).toEqual(bytes);
    const damaged = Buffer.from(stored);
    damaged[5] = (damaged[5] as number) ^ 1;
    await expect(unpack(damaged, info, limit)).rejects.toThrow(/it is damaged: its checksum is/);
    await expect(unpack(stored, { ...info, raw: 299 }, limit)).rejects.toThrow(/can't be decompressed/);
    await expect(unpack(stored, { ...info, raw: 1e6 }, limit)).rejects.toThrow(/larger than/);
    const noise = randomBytes(2000);
    await expect(pack(noise, limit)).rejects.toMatchObject({ code: 'unsupported' });
    // A thousand times what is stored.
    await expect(pack(new Uint8Array(1e6), limit)).rejects.toThrow(/maxBytes/);
  });
});
