import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { op, pickleOf, tensorOps, torchFile } from '../../../../test/support/torch-archive.js';
import { expectReadOrRefused, expectRefused } from '../../../../test/support/torch-files.js';
import { memoryFolder } from '../memory-folder.js';
import { openTensors } from '../open-tensors.js';

describe('a hostile pickle', () => {
  const attack = [...op.text('echo taken over')];
  const system = op.global('posix', 'system');
  const many = (count: number, ops: readonly number[]): number[] =>
    Array.from({ length: count }, () => ops).flat();
  const rebuild = op.global('torch._utils', '_rebuild_tensor_v2');

  it.each<[string, number[], RegExp]>([
    ['names a function', [...system, ...op.tupleOf(attack), ...op.reduce], /it names posix\.system/],
    [
      'names a function by strings',
      [...op.text('posix'), ...op.text('system'), ...op.stackGlobal, ...op.tupleOf(attack), ...op.reduce],
      /it names posix\.system/,
    ],
    ['names one without calling it', system, /it names posix\.system/],
    [
      'names a member of what is allowed',
      op.global('torch', 'FloatStorage.__init__'),
      /it names torch\.FloatStorage\.__init__/,
    ],
    [
      'calls what it may only mention',
      [...op.global('torch', 'FloatStorage'), ...op.emptyTuple, ...op.reduce],
      /it calls torch\.FloatStorage/,
    ],
    [
      'calls OrderedDict with something',
      [...op.global('collections', 'OrderedDict'), ...op.tupleOf(attack), ...op.reduce],
      /it calls collections\.OrderedDict/,
    ],
    ['calls a text', [...attack, ...op.emptyTuple, ...op.reduce], /it calls something that has no name/],
    [
      'calls without arguments',
      [...rebuild, ...op.none, ...op.reduce],
      /it calls something without arguments/,
    ],
    [
      'sets the state of a call',
      [...tensorOps(), ...op.dict, ...op.build],
      /it changes something that is no dict/,
    ],
    [
      'sets a state that is no dict',
      [...op.dict, ...attack, ...op.build],
      /it changes something that is no dict/,
    ],
    [
      'puts items into a call',
      [...tensorOps(), ...attack, ...attack, ...op.setItem],
      /it changes something that is no dict/,
    ],
    [
      'makes an object (OBJ)',
      [...op.mark, ...system.slice(0, 0), ...attack, 0x6f],
      /operation 0x6f, which no tensor needs/,
    ],
    ['makes an instance (INST)', [...op.mark, 0x69], /operation 0x69/],
    ['makes an instance (NEWOBJ)', [...op.emptyTuple, ...op.emptyTuple, 0x81], /operation 0x81/],
    ['uses the registry of extensions (EXT1)', [0x82, 1], /operation 0x82/],
    ['uses text persistent ids (PERSID)', [0x50, 0x61, 0x0a], /operation 0x50/],
    ['remembers what was never stored', op.get(9), /remembers what it never stored/],
    ['stores nothing', [...op.setItem], /lacks its values/],
    ['takes from below a mark', [...op.text('a'), ...op.mark, 0x85], /lacks its values/],
    ['ends a list that never began', [...op.tuple], /a mark is missing/],
    [
      'has a key that is a tuple',
      [...op.dict, ...op.emptyTuple, ...op.none, ...op.setItem],
      /a key is neither text nor a number/,
    ],
    [
      'has a key without a value',
      [...op.dict, ...op.mark, ...op.text('a'), ...op.setItems],
      /a key has no value/,
    ],
    [
      'has a key twice',
      [...op.dict, ...many(2, [...op.text('a'), ...op.none, ...op.setItem])].flat(),
      /"a" occurs twice/,
    ],
    ['has a text that is longer than itself', [0x58, 0xff, 0xff, 0xff, 0xff, 0x61], /it ends early/],
    ['has a number of 255 bytes', [0x8a, 255, ...many(255, [0x7f])], /a number of 255 bytes/],
    [
      'has a number that a float64 does not hold',
      [0x8a, 8, ...many(7, [0xff]), 0x7f],
      /it has the number 9223372036854775807/,
    ],
    ['has a name that does not end', [0x63, 0x61], /it ends early/],
    ['leaves something over', [...op.none, ...op.none, ...op.none], /left over|no dict/],
  ])('that %s is refused', async (_, ops, words) => {
    await expectRefused(torchFile(pickleOf(ops)), words);
  });

  it('that nests, lists or stores endlessly is refused at once', async () => {
    const bombs = [
      [/nests or lists more than 100000 values/, many(150_000, op.mark)],
      [/nests or lists more than 100000 values/, many(150_000, op.emptyTuple)],
      [
        /nests or lists more than 100000 values/,
        [...op.emptyTuple, ...op.put(0), ...many(150_000, op.get(0))],
      ],
      // ((((…)))): nothing reads it by recursion.
      [/weight is no tensor/, [...op.emptyTuple, ...many(200_000, [0x85])]],
      // Each tuple holds the one before twice: 2⁶⁰ leaves for whoever copied them.
      [/weight is no tensor/, [...op.emptyTuple, ...many(60, [...op.put(0), ...op.get(0), 0x86])]],
      // A dict within itself.
      [/weight is no tensor/, [...op.dict, ...op.put(0), ...op.text('a'), ...op.get(0), ...op.setItem]],
      [/more than 2000000 operations/, [...op.emptyTuple, ...many(2_100_000, [0x85])]],
    ] as const;
    for (const [words, ops] of bombs) {
      const pickle = Uint8Array.from([...op.proto, ...op.dict, ...op.text('weight')]);
      const bytes = new Uint8Array(pickle.length + ops.length + 2);
      bytes.set(pickle);
      bytes.set(ops, pickle.length);
      bytes.set([...op.setItem, ...op.stop], pickle.length + ops.length);
      const folder = memoryFolder({ 'pytorch_model.bin': torchFile(bytes) });
      await expect(openTensors(folder)).rejects.toThrow(words);
    }
  }, 30_000);

  it('larger than any model needs is not read', async () => {
    await expectRefused(
      torchFile(new Uint8Array(2 ** 24 + 1)),
      /it has 16777217 bytes, too many to describe a model/,
    );
  });

  it('after its end is refused', async () => {
    const pickle = pickleOf(tensorOps());
    await expectRefused(torchFile(Uint8Array.from([...pickle, ...op.none])), /something is left over/);
    await expectRefused(torchFile(new Uint8Array(0)), /no pickle of protocol 2/);
    await expectRefused(
      torchFile(Uint8Array.from([...op.proto, ...op.none, ...op.stop])),
      /holds no dict of tensors/,
    );
  });

  it('every pickle that is any sequence of operations is read or refused', async () => {
    const known = [
      ...op.mark,
      ...op.tuple,
      0x29,
      0x7d,
      0x4e,
      0x88,
      0x73,
      0x75,
      0x52,
      0x62,
      0x51,
      0x85,
      0x86,
      0x87,
    ];
    const piece = fc.oneof(
      fc.constantFrom(...known).map((code) => [code]),
      fc.nat(3).map(op.put),
      fc.nat(3).map(op.get),
      fc.string({ maxLength: 3 }).map(op.text),
      fc.nat().map(op.int),
      fc.constantFrom(
        tensorOps(),
        op.global('torch', 'FloatStorage'),
        op.global('collections', 'OrderedDict'),
      ),
      fc.uint8Array({ maxLength: 2 }).map((bytes) => [...bytes]),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        const bytes = torchFile(Uint8Array.from([...op.proto, ...pieces.flat(), ...op.stop]));
        await expectReadOrRefused(bytes);
      }),
      { numRuns: 500 },
    );
  });
});
