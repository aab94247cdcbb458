import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBicotError } from '../../errors.js';
import { decodeSafetensors } from '../safetensors.js';
import { encodeFloats } from './half-precision.js';
import { memoryFolder } from './memory-folder.js';
import { openTensors } from './open-tensors.js';
import type { StoredDtype } from './source.js';
import { DTYPE_BYTES } from './tensor-source.js';
import { type WrittenTensor, writeCheckpoint } from './write-checkpoint.js';

const floats = (name: string, ...values: number[]): WrittenTensor => ({
  name,
  dtype: 'F32',
  shape: [values.length],
  bytes: () => encodeFloats(Float32Array.from(values), 'F32'),
});

describe('writeCheckpoint', () => {
  it('writes one file, or shards and an index that says where everything is', async () => {
    const tensors = [floats('b', 1, 2), floats('a', 3), floats('c', 4, 5, 6), floats('d')];
    const one: Record<string, Uint8Array> = {};
    expect(await writeCheckpoint(memoryFolder(one), tensors)).toEqual(['model.safetensors']);
    expect(Object.keys(one)).toEqual(['model.safetensors']);
    const { tensors: read, metadata } = decodeSafetensors(one['model.safetensors'] as Uint8Array);
    expect(Object.keys(read)).toEqual(['b', 'a', 'c', 'd']);
    expect(read.c?.data).toEqual(Float32Array.of(4, 5, 6));
    expect(metadata).toEqual({ format: 'pt' });

    const shards: Record<string, Uint8Array> = {};
    const options = { maxShardBytes: 12, metadata: { made: 'here' } };
    const names = await writeCheckpoint(memoryFolder(shards), tensors, options);
    const [first, second, index] = [
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ] as const;
    expect(names).toEqual([first, second, index]);
    // The index is last, so that nobody takes half of it for a model.
    expect(Object.keys(shards)).toEqual(names);
    expect(JSON.parse(new TextDecoder().decode(shards[index]))).toEqual({
      metadata: { total_size: 24 },
      weight_map: { a: first, b: first, c: second, d: second },
    });
    expect(decodeSafetensors(shards[second] as Uint8Array).metadata).toEqual({ format: 'pt', made: 'here' });
    expect(await (await openTensors(memoryFolder(shards))).readFloats('c')).toEqual(Float32Array.of(4, 5, 6));
  });

  it('writes one file of a name, whatever its size', async () => {
    const files: Record<string, Uint8Array> = {};
    const tensors = [floats('a', 1, 2), floats('b', 3)];
    expect(await writeCheckpoint(memoryFolder(files), tensors, { file: 'c2i.safetensors' })).toEqual([
      'c2i.safetensors',
    ]);
    expect(Object.keys(files)).toEqual(['c2i.safetensors']);
    expect(decodeSafetensors(files['c2i.safetensors'] as Uint8Array).tensors.b?.data).toEqual(
      Float32Array.of(3),
    );
    const both = { file: 'c2i.safetensors', maxShardBytes: 4 };
    await expect(writeCheckpoint(memoryFolder(files), tensors, both)).rejects.toThrow(/give one of the two/);
  });

  it('gives back what was written, whatever it was, the same bytes each time', async () => {
    const dtype = fc.constantFrom(...(Object.keys(DTYPE_BYTES) as StoredDtype[]));
    const tensor = fc.record({ dtype, shape: fc.array(fc.nat(4), { maxLength: 3 }), fill: fc.nat(255) });
    const names = fc.string().filter((name) => name !== '__metadata__');
    const all = fc.uniqueArray(fc.tuple(names, tensor), { maxLength: 8, selector: ([name]) => name });
    await fc.assert(
      fc.asyncProperty(all, fc.integer({ min: 1, max: 200 }), async (list, maxShardBytes) => {
        const bytes = new Map(
          list.map(([name, { dtype, shape, fill }]) => [
            name,
            new Uint8Array(shape.reduce((a, b) => a * b, DTYPE_BYTES[dtype])).map((_, i) => i + fill),
          ]),
        );
        const write = async (): Promise<Record<string, Uint8Array>> => {
          const files: Record<string, Uint8Array> = {};
          const tensors = list.map(
            ([name, { dtype, shape }]): WrittenTensor => ({
              name,
              dtype,
              shape,
              bytes: async () => bytes.get(name) as Uint8Array,
            }),
          );
          await writeCheckpoint(memoryFolder(files), tensors, { maxShardBytes });
          return files;
        };
        const files = await write();
        expect(await write()).toEqual(files);
        const source = await openTensors(memoryFolder(files));
        expect(source.tensors.size).toBe(list.length);
        for (const [name, { dtype, shape }] of list) {
          expect(source.tensors.get(name)).toMatchObject({ dtype, shape });
          expect(await source.readBytes(name)).toEqual(bytes.get(name));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('aligns numbers to their size', async () => {
    const byte: WrittenTensor = { name: 'byte', dtype: 'U8', shape: [1], bytes: () => Uint8Array.of(1) };
    const files: Record<string, Uint8Array> = {};
    await writeCheckpoint(memoryFolder(files), [byte, floats('f', 1)]);
    const header = new TextDecoder().decode(files['model.safetensors']);
    expect(header).toContain('"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"byte":{');
  });

  it('holds one tensor at a time', async () => {
    let made = 0;
    let written = 0;
    async function* lazily(): AsyncGenerator<WrittenTensor> {
      for (const name of ['a', 'b', 'c']) {
        yield {
          ...{ name, dtype: 'U8', shape: [4] },
          async bytes() {
            made++;
            return new Uint8Array(4);
          },
        };
      }
    }
    const folder = memoryFolder();
    await writeCheckpoint(
      {
        ...folder,
        async write(_, pieces) {
          for await (const piece of pieces) {
            if (piece.length === 4) expect(made).toBe(++written);
          }
        },
      },
      lazily(),
    );
    expect(written).toBe(3);
  });

  it.each<[string, WrittenTensor[], RegExp]>([
    ['a name twice', [floats('a', 1), floats('a', 2)], /"a" occurs twice/],
    [
      'the name of the metadata',
      [floats('__metadata__', 1)],
      /"__metadata__" is a name that the format keeps/,
    ],
    [
      'an unknown format',
      [{ ...floats('a', 1), dtype: 'toString' as StoredDtype }],
      /"a" has the format toString/,
    ],
    ['half a size', [{ ...floats('a', 1), shape: [0.5] }], /"a" has the shape \[0\.5\]/],
    [
      'bytes that do not fit',
      [floats('z', 1), { ...floats('a', 1), shape: [2] }],
      /a has 4 bytes, but \[2\] of F32 needs 8/,
    ],
  ])('refuses %s, and writes no file', async (_, tensors, words) => {
    const files = {};
    const writing = writeCheckpoint(memoryFolder(files), tensors);
    await expect(writing).rejects.toThrow(words);
    await expect(writing).rejects.toSatisfy((error) => isBicotError(error, 'checkpoint'));
    expect(files).toEqual({});
  });

  it('refuses options that make no sense', async () => {
    await expect(writeCheckpoint(memoryFolder(), [], { maxShardBytes: 0 })).rejects.toThrow(
      /maxShardBytes is 0/,
    );
    await expect(writeCheckpoint(memoryFolder(), [], { maxShards: 1 } as object)).rejects.toThrow(
      /no option 'maxShards'/,
    );
  });

  it('refuses a folder in which the weights of before would be read instead', async () => {
    const files: Record<string, Uint8Array> = {};
    const folder = memoryFolder(files);
    await writeCheckpoint(folder, [floats('a', 1)]);
    // One file is replaced at once.
    await writeCheckpoint(folder, [floats('a', 2)]);
    expect(await (await openTensors(folder)).readFloats('a')).toEqual(Float32Array.of(2));
    const shards = [floats('a', 1), floats('b', 1)];
    await expect(writeCheckpoint(folder, shards, { maxShardBytes: 4 })).rejects.toThrow(
      /it holds model\.safetensors of other weights/,
    );
    delete files['model.safetensors'];
    await writeCheckpoint(folder, shards, { maxShardBytes: 4 });
    for (const most of [4, 100]) {
      await expect(writeCheckpoint(folder, shards, { maxShardBytes: most })).rejects.toThrow(
        /it holds model\.safetensors\.index\.json/,
      );
    }
  });
});
