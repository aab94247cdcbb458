import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../policy/policy.js';
import { tokenBatch } from '../policy/tokens.js';
import { uniformInteger, uniformStream } from '../tensor/noise.js';
import { fitPatchCodebook } from './fit-patch-codebook.js';
import { importPatchCodebook, patchCodebook } from './patch-codebook.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import { wordTokenizer } from './word-tokenizer.js';

const GRID = { width: 4, height: 4, patch: 2 };

/** A 4×4 picture of four flat 2×2 patches. */
const picture = (shades: readonly number[]): RgbImage => {
  const data = new Uint8Array(48);
  for (let y = 0; y < 4; y++) {
    for (let x = 0; x < 4; x++) {
      data.fill(
        shades[Math.floor(y / 2) * 2 + Math.floor(x / 2)] as number,
        (y * 4 + x) * 3,
        (y * 4 + x) * 3 + 3,
      );
    }
  }
  return { width: 4, height: 4, data };
};

describe('patch codebook', () => {
  it('is lossless while the patches fit', async () => {
    const images = [picture([0, 10, 20, 30]), picture([30, 30, 0, 10])];
    const book = fitPatchCodebook(images, GRID, 8);
    expect(book.size).toBe(4);
    expect(book.length).toBe(4);
    const decoded = await book.decode(tokenBatch(images.map(book.encode)));
    expect(decoded).toEqual(images);
    const { tensors, metadata } = book.export();
    const file = decodeSafetensors(encodeSafetensors(tensors, metadata));
    const again = importPatchCodebook(file.tensors, file.metadata);
    expect(await again.decode(tokenBatch(images.map(again.encode)))).toEqual(images);
  });

  it('clusters what does not fit', async () => {
    const stream = uniformStream('shades');
    const near = (shade: number) => shade + uniformInteger(stream, 5) - 2;
    const images = Array.from({ length: 30 }, () => picture([near(50), near(100), near(150), near(200)]));
    const book = fitPatchCodebook(images, GRID, 4);
    expect(book.size).toBe(4);
    const [first] = await book.decode(tokenBatch([book.encode(picture([50, 100, 150, 200]))]));
    const error = Math.max(
      ...(first as RgbImage).data.map((v, i) =>
        Math.abs(v - (picture([50, 100, 150, 200]).data[i] as number)),
      ),
    );
    expect(error).toBeLessThanOrEqual(2);
  });

  it('refuses pictures of another size and tokens it does not have', async () => {
    const book = fitPatchCodebook([picture([0, 1, 2, 3])], GRID, 8);
    expect(() => book.encode({ width: 2, height: 2, data: new Uint8Array(12) })).toThrow(/2×2 pixels.*4×4/);
    await expect(book.decode(tokenBatch([[0, 1, 2, 9]]))).rejects.toThrow(/token id 9/);
    await expect(book.decode(tokenBatch([[0, 1]]))).rejects.toThrow(/row 0 has 2 tokens; a picture has 4/);
    expect(() => importPatchCodebook({}, {})).toThrow(/This is no patch codebook/);
    const { tensors, metadata } = book.export();
    const codes = { dtype: 'U8', shape: [4, 2, 1, 6], data: tensors.codes?.data as Uint8Array } as const;
    expect(() => importPatchCodebook({ codes }, metadata)).toThrow(/This is no patch codebook/);
  });

  it('refuses entries of another size', () => {
    const entries = [new Uint8Array(12), new Uint8Array(11)];
    expect(() => patchCodebook(GRID, entries)).toThrow(expect.objectContaining({ code: 'shape' }));
    expect(() => patchCodebook(GRID, entries)).toThrow(/entry 1 has 11 elements but 12/);
  });
});

describe('word tokenizer', () => {
  const tokenizer = wordTokenizer(['<end>', '<bos>'], ['a', 'red', 'car']);
  it('turns words into ids and back', () => {
    expect([...tokenizer.encode('A red  car.')]).toEqual([2, 3, 4]);
    expect(tokenizer.decode([1, 3, 4, 0, 99])).toBe('red car');
    expect(tokenizer.knows('red car')).toBe(true);
    expect(tokenizer.knows('blue car')).toBe(false);
  });
  it('names an unknown or repeated word', () => {
    expect(() => tokenizer.encode('a blue car')).toThrow(/"blue" is not in the vocabulary of 5 words/);
    expect(() => wordTokenizer(['<end>'], ['a', 'a'])).toThrow(/"a" is listed twice/);
  });
});
