import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../policy/policy.js';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphPixel } from './font.js';
import { imageGrid, wrapWords } from './image-grid.js';

const solid = (width: number, height: number, [r, g, b]: readonly number[]): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => [r, g, b][i % 3] as number),
});
const count = (image: RgbImage, colour: readonly number[]): number => {
  let found = 0;
  for (let i = 0; i < image.data.length; i += 3) {
    if (colour.every((value, c) => image.data[i + c] === value)) found++;
  }
  return found;
};
const red = [250, 0, 0] as const;
const blue = [0, 0, 250] as const;

describe('imageGrid', () => {
  it('draws every picture whole, enlarged without blending', () => {
    const grid = imageGrid([{ image: solid(4, 3, red) }, { image: solid(2, 2, blue) }], {
      columns: 2,
      scale: 5,
    });
    expect(count(grid, red)).toBe(4 * 3 * 25);
    expect(count(grid, blue)).toBe(2 * 2 * 25);
    expect(count(grid, red) + count(grid, blue) + count(grid, [255, 255, 255])).toBe(
      grid.width * grid.height,
    );
  });

  it('puts a cell below when the row is full', () => {
    const cells = [red, red, blue].map((colour) => ({ image: solid(8, 8, colour) }));
    const two = imageGrid(cells, { columns: 2 });
    const one = imageGrid(cells, { columns: 1 });
    expect(two.height).toBeLessThan(one.height);
    expect(two.width).toBeGreaterThan(one.width);
    expect(count(one, blue)).toBe(count(two, blue));
  });

  it('grows by one line height per caption line', () => {
    const image = solid(60, 10, red);
    const height = (caption?: string[]) => imageGrid([{ image, caption }], { columns: 1, scale: 1 }).height;
    const line = height(['a dog']) - height();
    expect(line).toBeGreaterThan(GLYPH_HEIGHT);
    expect(height(['a dog', 'plan'])).toBe(height() + 2 * line);
    expect(height(['a photo of a dog'])).toBe(height() + 2 * line); // ten characters fit
  });

  it('frames a picture in the colour asked for, and only that one', () => {
    const green = [0, 200, 0] as const;
    const image = solid(10, 10, red);
    const grid = imageGrid([{ image, frame: green }, { image }], { columns: 2, scale: 1 });
    expect(count(grid, green)).toBe(16 * 16 - 10 * 10);
  });

  it('refuses nonsense', () => {
    const cells = [{ image: solid(2, 2, red) }];
    expect(() => imageGrid([], { columns: 1 })).toThrow(/no cells/);
    expect(() => imageGrid(cells, { columns: 0 })).toThrow(/columns is 0/);
    expect(() => imageGrid(cells, { columns: 1, scale: 1.5 })).toThrow(/scale is 1.5/);
    expect(() =>
      imageGrid([{ image: { width: 3, height: 3, data: new Uint8Array(3) } }], { columns: 1 }),
    ).toThrow(/needs 27 bytes/);
  });
});

describe('wrapWords', () => {
  it('breaks between words, cuts what is too long, keeps every character', () => {
    expect(wrapWords('a photo of three bananas', 10)).toEqual(['a photo of', 'three', 'bananas']);
    expect(wrapWords('hippopotamus ok', 5)).toEqual(['hippo', 'potam', 'us ok']);
    expect(wrapWords('  ', 5)).toEqual([]);
  });
});

describe('the font', () => {
  const picture = (character: string): string => {
    let bits = '';
    for (let y = 0; y < GLYPH_HEIGHT; y++) {
      for (let x = 0; x < GLYPH_WIDTH; x++) bits += glyphPixel(character, x, y) ? '#' : '.';
    }
    return bits;
  };

  it('has a glyph of its own for each printable character', () => {
    const characters = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
    const pictures = new Set(characters.map(picture));
    expect(pictures.size).toBe(95);
    expect(picture(' ')).not.toContain('#');
    expect(picture('T')).toMatch(/^#####(\.\.#\.\.){6}/);
  });

  it('draws what it lacks as a question mark, and typographic quotes as plain ones', () => {
    expect(picture('ß')).toBe(picture('?'));
    expect(picture('’')).toBe(picture("'"));
  });
});
