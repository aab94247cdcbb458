import { readFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { expect, it } from 'vitest';
import { decodeRgbPng } from './png.js';

const file = new URL('../../../emoji/atlas/atlas.png', import.meta.url);

it('reads the atlas to the bit, as pngjs does', async () => {
  const bytes = Uint8Array.from(readFileSync(file));
  const expected = PNG.sync.read(readFileSync(file));
  const { width, height, data } = await decodeRgbPng(bytes);
  expect([width, height]).toEqual([expected.width, expected.height]);
  expect(Buffer.compare(Buffer.from(data), expected.data)).toBe(0);
});

it('refuses other files', async () => {
  await expect(decodeRgbPng(Uint8Array.from(Buffer.from('GIF89a, say')))).rejects.toThrow('no PNG');
  const bytes = Uint8Array.from(readFileSync(file));
  bytes[25] = 6; // colour type: with alpha
  await expect(decodeRgbPng(bytes)).rejects.toThrow('another kind');
});
