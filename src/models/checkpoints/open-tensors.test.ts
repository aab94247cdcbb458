import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickleOf, tensorOps, torchFile } from '../../../test/support/torch-archive.js';
import { isBicotError } from '../../errors.js';
import { encodeSafetensors, type HostTensor } from '../safetensors.js';
import { memoryFolder } from './memory-folder.js';
import { openTensors } from './open-tensors.js';

const vector = (...values: number[]): HostTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});

const file = (...names: string[]): Uint8Array =>
  encodeSafetensors(Object.fromEntries(names.map((name, i) => [name, vector(i + 1)])));

const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const bin = (name: string): Uint8Array => torchFile(pickleOf(tensorOps(), name));

/** Names of the tensors and the files they are read from. */
async function opened(files: Record<string, Uint8Array>): Promise<Record<string, string>> {
  const { tensors } = await openTensors(memoryFolder(files));
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, tensor.file]));
}

async function expectRefused(files: Record<string, Uint8Array>, words: RegExp): Promise<void> {
  const opening = openTensors(memoryFolder(files));
  await expect(opening).rejects.toThrow(words);
  await expect(opening).rejects.toSatisfy((error) => isBicotError(error, 'checkpoint'));
}

describe('openTensors', () => {
  it('takes an index, one file, or all that there are, and safetensors first', async () => {
    const index = json({ metadata: {}, weight_map: { a: 'one.safetensors', b: 'two.safetensors' } });
    const one = { 'one.safetensors': file('a', 'extra') };
    const two = { 'two.safetensors': file('b') };
    const single = { 'model.safetensors': file('m') };
    const torch = { 'pytorch_model.bin': bin('t') };
    expect(
      await opened({ 'model.safetensors.index.json': index, ...one, ...two, ...single, ...torch }),
    ).toEqual({
      a: 'one.safetensors',
      extra: 'one.safetensors',
      b: 'two.safetensors',
    });
    expect(await opened({ ...one, ...two, ...single, ...torch })).toEqual({ m: 'model.safetensors' });
    expect(Object.keys(await opened({ ...two, ...one, ...torch }))).toEqual(['a', 'extra', 'b']);
    expect(await opened({ ...torch, 'config.json': json({}) })).toEqual({ t: 'pytorch_model.bin' });
    const shards = { 'pytorch_model-1.bin': bin('a'), 'pytorch_model-2.bin': bin('b') };
    const both = { a: 'pytorch_model-1.bin', b: 'pytorch_model-2.bin' };
    expect(await opened(shards)).toEqual(both);
    expect(await opened({ ...shards, 'pytorch_model.bin.index.json': json({ weight_map: both }) })).toEqual(
      both,
    );
  });

  it('says what it looked for', async () => {
    await expectRefused(
      {},
      /it holds no weights; model\.safetensors\.index\.json, .*pytorch_model\*\.bin were looked for, and there is nothing/,
    );
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, json(i)]));
    await expectRefused(many, /there is f0, f1, f10, .* and 4 more\. Pass the folder/);
  });

  it.each<[string, unknown, RegExp]>([
    ['is a list', [], /the index is a list/],
    ['has no map', {}, /weight_map is missing/],
    ['has a map that is a text', { weight_map: 'x' }, /weight_map is a string/],
    ['names no file', { weight_map: { a: 3 } }, /weight_map a is 3; a file was expected/],
    [
      'names files that are missing',
      { weight_map: { a: 'x', b: 'y' } },
      /index\.json names x, y, which are not there/,
    ],
    [
      'leads out of the folder',
      { weight_map: { a: '../one.safetensors' } },
      /names \.\.\/one\.safetensors, which is not there/,
    ],
    [
      'names tensors that are missing',
      { weight_map: { a: 'one.safetensors', b: 'one.safetensors', c: 'one.safetensors' } },
      /the index says b in one\.safetensors, c in one\.safetensors, but they are not there/,
    ],
    [
      'names the wrong file',
      { weight_map: { a: 'two.safetensors', z: 'one.safetensors' } },
      /the index says a in two\.safetensors, z in/,
    ],
  ])('an index that %s is refused', async (_, index, words) => {
    const shards = { 'one.safetensors': file('a'), 'two.safetensors': file('y') };
    await expectRefused({ 'model.safetensors.index.json': json(index), ...shards }, words);
  });

  it('an index that is no JSON is refused', async () => {
    await expectRefused({ 'model.safetensors.index.json': Uint8Array.of(0x7b, 0xff) }, /it is not JSON/);
  });

  it('a name in two files is refused', async () => {
    await expectRefused(
      { 'a.safetensors': file('x'), 'b.safetensors': file('y', 'x') },
      /x is both in a\.safetensors and in b\.safetensors/,
    );
  });
});

describe('the tensors of a source', () => {
  const data = Float32Array.from({ length: 24 }, (_, i) => i);
  const folder = memoryFolder({
    'model.safetensors': encodeSafetensors({
      odd: { dtype: 'U8', shape: [3], data: Uint8Array.of(7, 8, 9) },
      whole: { dtype: 'I32', shape: [2], data: Int32Array.of(-1, 5) },
      cube: { dtype: 'F32', shape: [4, 2, 3], data },
      scalar: { dtype: 'F32', shape: [], data: Float32Array.of(0.5) },
      none: { dtype: 'F32', shape: [0, 3], data: new Float32Array(0) },
    }),
  });

  it('are described and read, all or some rows', async () => {
    const source = await openTensors(folder);
    expect(source.tensors.get('cube')).toMatchObject({
      name: 'cube',
      dtype: 'F32',
      shape: [4, 2, 3],
      file: 'model.safetensors',
      bytes: 96,
    });
    expect(await source.readFloats('cube')).toEqual(data);
    expect(await source.readFloats('cube', { begin: 1, end: 3 })).toEqual(data.slice(6, 18));
    expect(await source.readFloats('cube', { begin: 4, end: 4 })).toEqual(new Float32Array(0));
    expect(await source.readBytes('odd', { begin: 1, end: 2 })).toEqual(Uint8Array.of(8));
    expect(await source.readFloats('scalar')).toEqual(Float32Array.of(0.5));
    expect(await source.readFloats('none', { begin: 0, end: 0 })).toEqual(new Float32Array(0));
    expect(new Int32Array((await source.readBytes('whole')).buffer)).toEqual(Int32Array.of(-1, 5));
  });

  it('are refused by other names, of other formats, and beyond their rows', async () => {
    const source = await openTensors(folder);
    await expect(source.readBytes('cub')).rejects.toThrow(/there is no tensor "cub" among its 5/);
    await expect(source.readFloats('whole')).rejects.toThrow(/whole holds numbers of the format I32/);
    for (const [begin, end] of [
      [-1, 2],
      [2, 1],
      [0, 5],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      const reading = source.readFloats('cube', { begin, end });
      await expect(reading).rejects.toSatisfy((error) => isBicotError(error, 'value'));
    }
    await expect(source.readBytes('scalar', { begin: 0, end: 1 })).rejects.toThrow(/has the shape \[\]/);
  });

  it('of a file that was cut short after it was opened are refused', async () => {
    const files = { 'model.safetensors': file('a', 'b') };
    const source = await openTensors(memoryFolder(files));
    files['model.safetensors'] = files['model.safetensors'].slice(0, -1);
    await expect(source.readFloats('b')).rejects.toSatisfy((error) => isBicotError(error, 'checkpoint'));
  });
});

describe('a file of safetensors', () => {
  const bytes = encodeSafetensors({ a: vector(1, 2, 3), b: vector(4) });

  it('cut short anywhere is refused when it is opened', async () => {
    for (let length = 0; length < bytes.length; length++) {
      await expectRefused(
        { 'model.safetensors': bytes.slice(0, length) },
        /model\.safetensors: .*truncated or was damaged/,
      );
    }
    await expectRefused(
      { 'model.safetensors': Uint8Array.from([...bytes, 0]) },
      /1 bytes at the end belong to no tensor/,
    );
  });

  it('that claims an absurd header is refused before it is read', async () => {
    for (const length of [2n ** 64n - 1n, 2n ** 53n, 10n ** 8n + 1n, 10n ** 6n]) {
      const claiming = bytes.slice();
      new DataView(claiming.buffer).setBigUint64(0, length, true);
      const folder = memoryFolder({ 'model.safetensors': claiming });
      const reads: number[] = [];
      const read = (name: string, begin: number, end: number): Promise<Uint8Array> => {
        reads.push(end - begin);
        return folder.read(name, begin, end);
      };
      await expect(openTensors({ ...folder, read })).rejects.toThrow(/the header claims \d+ bytes/);
      expect(reads).toEqual([8]);
    }
  });

  it('of absurd shapes is refused', async () => {
    const named = (shape: number[], end: number): Uint8Array => {
      const header = json({ a: { dtype: 'F32', shape, data_offsets: [0, end] } });
      const start = new Uint8Array(8);
      new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
      return Uint8Array.from([...start, ...header, 0, 0, 0, 0]);
    };
    await expectRefused(
      { 'model.safetensors': named([2 ** 30, 2 ** 30], 4) },
      /a has the shape \[1073741824,1073741824\]/,
    );
    await expectRefused({ 'model.safetensors': named([2 ** 50], 2 ** 52) }, /but the data has 4/);
    await expectRefused({ 'model.safetensors': named([2 ** 50], 4) }, /\[1125899906842624\] of F32 needs/);
  });

  it('that is damaged anywhere is read or refused, and nothing else happens', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        try {
          const source = await openTensors(memoryFolder({ 'model.safetensors': damaged }));
          for (const name of source.tensors.keys()) await source.readFloats(name);
        } catch (error) {
          expect(isBicotError(error, 'checkpoint'), String(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
