import { describe, expect, it } from 'vitest';
import { fakeTransformers } from '../../../test/support/fake-transformers.js';
import { picture } from '../../../test/support/vision.js';
import { imageFault, toRawImage } from './image.js';

describe('toRawImage', () => {
  it('shares the pixels', () => {
    const image = picture(4, 3, 0);
    const raw = toRawImage(fakeTransformers().transformers, image);
    expect(raw).toMatchObject({ width: 4, height: 3, channels: 3 });
    expect((raw as { data: unknown }).data).toBe(image.data);
  });
});

describe('imageFault', () => {
  it('finds none in a picture', () => {
    expect(imageFault(picture(4, 3, 0))).toBeUndefined();
  });

  it.each([
    [
      { width: 4, height: 3, data: new Uint8Array(48) },
      /4 × 3 with 48 bytes, but RGB takes 36; drop an alpha/,
    ],
    [{ width: 4, height: 3, data: new Uint8Array(35) }, /with 35 bytes/],
    [{ width: 0, height: 3, data: new Uint8Array(0) }, /0 × 3, but sides must be positive whole numbers/],
    [{ width: 1.5, height: 2, data: new Uint8Array(9) }, /1\.5 × 2/],
    [{ width: -1, height: -1, data: new Uint8Array(3) }, /-1 × -1/],
  ])('says what is wrong with %o', (image, words) => {
    expect(imageFault(image)).toMatch(words);
  });
});
