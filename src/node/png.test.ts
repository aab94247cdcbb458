import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { decodePng, encodePng } from './png.js';

const width = 7;
const height = 5;
const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 3)) & 255);

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
    const png = new PNG({ width: 2, height: 1 });
    png.data = Buffer.from([200, 100, 0, 0, 200, 100, 0, 51]); // alpha 0 and 51/255 = 0.2
    expect([...decodePng(PNG.sync.write(png)).data]).toEqual([255, 255, 255, 244, 224, 204]);
  });

  it.each([
    ['text', new TextEncoder().encode('not a png')],
    ['a truncated file', encodePng({ width, height, data }).subarray(0, 60)],
    ['nothing', new Uint8Array(0)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodePng(bytes)).toThrow(/decodePng: not a readable PNG file/);
  });

  it('refuses data that does not match the size', () => {
    expect(() => encodePng({ width, height, data: data.subarray(3) })).toThrow(/needs 105 bytes.*has 102/);
  });
});
