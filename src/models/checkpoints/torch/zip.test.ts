import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NUMBERS, pickleOf, tensorOps, torchFile, zipOf } from '../../../../test/support/torch-archive.js';
import {
  expectReadOrRefused,
  expectRefused,
  readAll,
  torchFixture,
} from '../../../../test/support/torch-files.js';

describe('an archive', () => {
  const pickle = pickleOf(tensorOps());

  it('of big-endian numbers is refused', async () => {
    const order = { byteorder: new TextEncoder().encode('big') };
    await expectRefused(torchFile(pickle, order), /its numbers are "big"-endian/);
    await expectRefused(torchFile(pickle, { byteorder: new Uint8Array(99) }), /"unknown"-endian/);
    expect(await readAll(torchFile(pickle, {}))).toEqual({ weight: [1, -2] });
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      'that is compressed',
      torchFile(pickle, {}, { method: 8 }),
      /archive\/data\.pkl is compressed or encrypted/,
    ],
    [
      'that is encrypted',
      torchFile(pickle, {}, { flags: 1 }),
      /archive\/data\.pkl is compressed or encrypted/,
    ],
    ['without a pickle', zipOf({ 'a/data/0': NUMBERS }), /holds 0 files DIR\/data\.pkl/],
    [
      'with two pickles',
      zipOf({ 'a/data.pkl': pickle, 'b/data.pkl': pickle }),
      /holds 2 files DIR\/data\.pkl/,
    ],
    [
      'with an entry twice',
      zipOf([
        ['a/data.pkl', pickle],
        ['a/data.pkl', pickle],
      ]),
      /two entries a\/data\.pkl/,
    ],
    ['without entries', zipOf({}), /holds 0 files/],
  ])('%s is refused', async (_, bytes, words) => {
    await expectRefused(bytes, words);
  });

  it.each([false, true])('cut short anywhere is refused (ZIP64: %s)', async (zip64) => {
    const bytes = torchFile(pickle, undefined, { zip64 });
    for (let length = 0; length < bytes.length; length++) {
      await expectRefused(bytes.subarray(0, length), /truncated or was damaged/);
    }
    const whole = torchFixture('state-dict.bin');
    for (let length = 0; length < whole.length; length++) {
      await expectRefused(whole.subarray(0, length), /truncated or was damaged/);
    }
  });

  it.each<[string, (view: DataView, central: number, end: number) => void, RegExp]>([
    [
      'reach into the next',
      (view, central) => view.setUint32(central + 24, 400, true),
      /must end before|compressed/,
    ],
    [
      'lie at the same place',
      (view, central) => view.setUint32(second(view, central) + 42, 0, true),
      /must end before/,
    ],
    [
      'lie behind the directory',
      (view, central) => view.setUint32(central + 42, 0x7fffffff, true),
      /must end before/,
    ],
    [
      'lie where no header is',
      (view, central) => view.setUint32(central + 42, 1, true),
      /there is no entry archive\/data\.pkl at byte 1|must end/,
    ],
    [
      'claim another name',
      (view) => view.setUint8(30, 0x62),
      /there is no entry archive\/data\.pkl at byte 0/,
    ],
    ['claim a longer header', (view) => view.setUint16(28, 60000, true), /reaches into what follows/],
    [
      'lie on another disk',
      (view, central) => view.setUint16(central + 34, 3, true),
      /split over several files/,
    ],
    [
      'have a longer name than there is',
      (view, central) => view.setUint16(central + 28, 60000, true),
      /longer than the directory/,
    ],
    [
      'are more than it says',
      (view, _, end) => {
        view.setUint16(end + 8, 2, true);
        view.setUint16(end + 10, 2, true);
      },
      /after its last entry/,
    ],
    [
      'are fewer than it says',
      (view, _, end) => {
        view.setUint16(end + 8, 4, true);
        view.setUint16(end + 10, 4, true);
      },
      /entry 3 of the directory is damaged|claims/,
    ],
    ['are in several files', (view, _, end) => view.setUint16(end + 4, 1, true), /split over several files/],
    [
      'lie elsewhere than it says',
      (view, _, end) => view.setUint32(end + 16, 3, true),
      /the directory of 3 entries claims bytes/,
    ],
    [
      'are of ZIP64 without saying where',
      (view, central) => view.setUint32(central + 42, 0xffffffff, true),
      /lacks its ZIP64 sizes/,
    ],
  ])('whose entries %s is refused', async (_, damage, words) => {
    const bytes = torchFile(pickle);
    const view = new DataView(bytes.buffer);
    const end = bytes.length - 22;
    damage(view, view.getUint32(end + 16, true), end);
    await expectRefused(bytes, words);
  });

  it('that is damaged anywhere is read or refused, and nothing else happens', async () => {
    const files = [
      torchFixture('state-dict.bin'),
      torchFile(pickle),
      torchFile(pickle, undefined, { zip64: true }),
    ];
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), damage, fc.nat(40), async (file, changes, cut) => {
        const bytes = new Uint8Array(file.subarray(0, file.length - (cut > 20 ? cut - 20 : 0)));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        await expectReadOrRefused(bytes);
      }),
      { numRuns: 500 },
    );
  });
});

/** Where the second entry of a directory begins. */
const second = (view: DataView, central: number): number =>
  central + 46 + view.getUint16(central + 28, true) + view.getUint16(central + 30, true);
