import { describe, expect, it } from 'vitest';
import {
  op,
  type PickledTensor,
  pickleOf,
  tensorOps,
  torchFile,
} from '../../../../test/support/torch-archive.js';
import { expectRefused, readAll, torchFixture } from '../../../../test/support/torch-files.js';
import type { CheckpointFolder } from '../folder.js';
import { memoryFolder } from '../memory-folder.js';
import { openTensors } from '../open-tensors.js';
import { tensorSource } from '../tensor-source.js';
import { openStateDict } from './state-dict.js';

describe('a file of torch.save', () => {
  it('gives the numbers that PyTorch says', async () => {
    const { tensors } = JSON.parse(new TextDecoder().decode(torchFixture('values.json'))) as {
      tensors: Record<string, { shape: number[]; values: number[] }>;
    };
    const source = await openTensors(memoryFolder({ 'pytorch_model.bin': torchFixture('state-dict.bin') }));
    expect([...source.tensors.keys()]).toEqual(Object.keys(tensors));
    const dtypes = Object.fromEntries([...source.tensors].map(([name, { dtype }]) => [name, dtype]));
    expect(dtypes).toMatchObject({ bf16: 'BF16', f16: 'F16', f32: 'F32', back: 'F32' });
    for (const [name, { shape, values }] of Object.entries(tensors)) {
      expect(source.tensors.get(name)?.shape, name).toEqual(shape);
      expect([...(await source.readFloats(name))], name).toEqual(values);
    }
    // Rows of a view that begins in the middle of a storage which another tensor shares.
    const { values } = tensors.back as { values: number[] };
    expect([...(await source.readFloats('back', { begin: 1, end: 3 }))]).toEqual(values.slice(2, 6));
    expect([...(await source.readFloats('f32', { begin: 1, end: 2 }))]).toEqual(
      tensors.f32?.values.slice(12),
    );
  });

  it('may hold a plain dict', async () => {
    expect(await readAll(torchFixture('plain-dict.bin'))).toEqual({ weight: [0, 1, 2, 3, 4, 5] });
  });

  it('opens by its directory and pickle alone', async () => {
    const large = 100_000;
    const bytes = torchFile(pickleOf(tensorOps({ shape: [large], count: large })), {
      'data/0': new Uint8Array(4 * large),
    });
    const whole = memoryFolder({ a: bytes });
    let read = 0;
    const folder: CheckpointFolder = {
      ...whole,
      read: (file, begin, end) => {
        read += end - begin;
        return whole.read(file, begin, end);
      },
    };
    const tensors = await openStateDict(folder, 'a');
    expect(read).toBeLessThan(1500);
    await tensorSource(folder, tensors).readFloats('weight', { begin: 10, end: 20 });
    expect(read).toBeLessThan(1600);
  });

  it.each([
    ['made by hand', {}],
    ['of ZIP64', { zip64: true }],
    ['without room before the data', { padding: 0 }],
  ])('%s', async (_, options) => {
    const bytes = torchFile(pickleOf(tensorOps()), undefined, options);
    expect(await readAll(bytes)).toEqual({ weight: [1, -2] });
  });

  it('lies where ZIP64 says, beyond 4 GiB', async () => {
    // All places are moved by 5 GiB, in front of which there is nothing that anybody reads.
    const shift = 5 * 2 ** 30;
    const bytes = torchFile(pickleOf(tensorOps()), undefined, { zip64: true });
    const view = new DataView(bytes.buffer);
    const move = (at: number): void =>
      view.setBigUint64(at, view.getBigUint64(at, true) + BigInt(shift), true);
    for (let at = 0; at + 4 <= bytes.length; at++) {
      const signature = view.getUint32(at, true);
      if (signature === 0x02014b50) move(at + 46 + view.getUint16(at + 28, true) + 6 + 4 + 16);
      if (signature === 0x06064b50) move(at + 48);
      if (signature === 0x07064b50) move(at + 8);
    }
    const end = memoryFolder({ a: bytes });
    const folder: CheckpointFolder = {
      ...end,
      size: async () => shift + bytes.length,
      read: (file, begin, to) => end.read(file, begin - shift, to - shift),
    };
    const source = tensorSource(folder, await openStateDict(folder, 'a'));
    expect([...(await source.readFloats('weight'))]).toEqual([1, -2]);
  });

  it.each<[string, PickledTensor, number[]]>([
    ['with an offset', { shape: [1], offset: 1 }, [-2]],
    ['with a stride that is never used', { shape: [1, 2], stride: [77, 1] }, [1, -2]],
    ['that is empty, whatever its strides', { shape: [0, 3], stride: [5, 5] }, []],
    ['that is a scalar', { shape: [] }, [1]],
  ])('may hold a tensor %s', async (_, tensor, values) => {
    expect(await readAll(torchFile(pickleOf(tensorOps(tensor))))).toEqual({ weight: values });
  });
});

describe('what torch.save writes of other things', () => {
  it.each<[string, RegExp]>([
    [
      'transposed.bin',
      /weight is not contiguous: its shape is \[3, 2\], its strides are \[1, 3\].*contiguous\(\)/,
    ],
    ['int64.bin', /it names torch\.LongStorage\..*could run code/],
    ['parameter.bin', /it names torch\._utils\._rebuild_parameter\./],
    ['protocol-4.bin', /no pickle of protocol 2/],
    ['nested.bin', /model is no tensor.*Convert it/],
    ['attack.bin', /it names posix\.system\..*could run code.*nothing was run here/],
  ])('%s is refused', async (file, words) => {
    await expectRefused(torchFixture(file), words);
  });

  it('the format before PyTorch 1.6 is refused', async () => {
    const bytes = Uint8Array.from([
      0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]);
    await expectRefused(bytes, /are no zip archive/);
    await expectRefused(
      Uint8Array.from([...bytes, ...bytes, ...bytes]),
      /does not end as a zip archive.*1\.6/,
    );
  });
});

describe('a tensor that does not fit its storage', () => {
  it.each<[string, PickledTensor, RegExp]>([
    ['too large', { shape: [3] }, /weight has 3 numbers from number 0 on, but its storage has 2/],
    ['too far behind', { offset: 1 }, /weight has 2 numbers from number 1 on/],
    [
      'beyond 2⁵³',
      { shape: [2 ** 30, 2 ** 30] },
      /weight has the shape \[1073741824, 1073741824\], larger than/,
    ],
    [
      'infinite',
      { shape: Array.from({ length: 40 }, () => 2 ** 40), stride: Array.from({ length: 40 }, () => 1) },
      /larger than any memory/,
    ],
    ['backwards', { shape: [2], stride: [-1] }, /weight has no offset, size and stride/],
    ['before the beginning', { offset: -1 }, /weight has no offset, size and stride/],
    ['of a negative size', { shape: [-1, -2] }, /weight has no offset, size and stride/],
    ['with too few strides', { shape: [1, 2], stride: [1] }, /weight has no offset, size and stride/],
    ['expanded', { shape: [2, 1], stride: [0, 1] }, /weight is not contiguous/],
    [
      'in a storage that claims more',
      { count: 4, shape: [4] },
      /a storage of 4 numbers of F32, which has 8 bytes/,
    ],
    [
      'in a storage of another format',
      { storage: 'HalfStorage' },
      /a storage of 2 numbers of F16, which has 8 bytes/,
    ],
    ['in a storage that is missing', { key: '1' }, /the storage "1", which is missing/],
    ['in what is no storage', { key: '../data.pkl' }, /which is missing/],
  ])('%s is refused', async (_, tensor, words) => {
    await expectRefused(torchFile(pickleOf(tensorOps(tensor))), words);
  });

  it('and what is no tensor, or no storage', async () => {
    const rebuild = op.global('torch._utils', '_rebuild_tensor_v2');
    await expectRefused(torchFile(pickleOf(op.none)), /weight is no tensor/);
    await expectRefused(torchFile(pickleOf(op.text('x'))), /weight is no tensor/);
    await expectRefused(torchFile(pickleOf([...rebuild, ...op.emptyTuple, ...op.reduce])), /no offset, size/);
    const args = [op.none, op.int(0), op.emptyTuple, op.emptyTuple, op.no, op.dict];
    await expectRefused(
      torchFile(pickleOf([...rebuild, ...op.tupleOf(...args), ...op.reduce])),
      /has no storage/,
    );
  });
});
