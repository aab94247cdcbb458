import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import reference from '../../test/fixtures/png.json' with { type: 'json' };
import { decodePng, encodePng } from './png.js';

const width = 7;
const height = 5;
const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 3)) & 255);

/** The header and the end alone. */
const withoutPixels = (file: Uint8Array): Uint8Array =>
  Uint8Array.from([...file.subarray(0, 33), ...file.subarray(-12)]);

describe('png', () => {
  it('keeps every pixel and gives the same bytes each time', () => {
    const bytes = encodePng({ width, height, data });
    expect(decodePng(bytes)).toEqual({ width, height, data });
    expect(encodePng({ width, height, data: data.slice() })).toEqual(bytes);
  });

  it('reads the view it is given, not the buffer below it', () => {
    const larger = new Uint8Array(data.length + 20).fill(9);
    larger.set(data, 10);
    const view = larger.subarray(10, 10 + data.length);
    expect(encodePng({ width, height, data: view })).toEqual(encodePng({ width, height, data }));
    const file = encodePng({ width, height, data });
    const padded = new Uint8Array(file.length + 6);
    padded.set(file, 3);
    expect(decodePng(padded.subarray(3, 3 + file.length)).data).toEqual(data);
  });

  it('lays transparent pixels over white', () => {
    const rgba = Uint8Array.of(200, 100, 0, 0, 200, 100, 0, 51); // alpha 0 and 51/255 = 0.2
    const file = encode({ width: 2, height: 1, data: rgba, channels: 4 });
    expect([...decodePng(file).data]).toEqual([255, 255, 255, 244, 224, 204]);
  });

  it.each(reference.cases)('reads $name as Pillow does', ({ file, rgb }) => {
    const bytes = Uint8Array.from(Buffer.from(file, 'base64'));
    const read = decodePng(bytes);
    expect([read.width, read.height]).toEqual([reference.width, reference.height]);
    expect([...read.data]).toEqual([...Buffer.from(rgb, 'base64')]);
  });

  it('reads interlaced files, but not those with several pixels a byte', () => {
    const file = encode({ width, height, data, channels: 3 }, { interlace: 'Adam7' });
    expect(decodePng(file).data).toEqual(data);
    const bits = encode({ width: 8, height: 1, data: Uint8Array.of(0b10110010), channels: 1, depth: 1 });
    expect([...decodePng(bits).data.filter((_, at) => at % 3 === 0)]).toEqual(
      [1, 0, 1, 1, 0, 0, 1, 0].map((bit) => 255 * bit),
    );
    const interlaced = encode(
      { width: 1, height: 1, data: Uint8Array.of(128), channels: 1, depth: 1 },
      { interlace: 'Adam7' },
    );
    expect(() => decodePng(interlaced)).toThrow(/interlaced/);
  });

  it.each([
    ['text', new TextEncoder().encode('not a png')],
    ['a truncated file', encodePng({ width, height, data }).subarray(0, 60)],
    ['nothing', new Uint8Array(0)],
    [
      'a file with a flipped bit',
      encodePng({ width, height, data }).map((byte, i) => (i === 50 ? byte ^ 1 : byte)),
    ],
    ['a file without its pixels', withoutPixels(encodePng({ width, height, data }))],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodePng(bytes)).toThrow(/decodePng: not a readable PNG file/);
  });

  it('refuses data that does not match the size', () => {
    expect(() => encodePng({ width, height, data: data.subarray(3) })).toThrow(/needs 105 bytes.*has 102/);
  });
});
