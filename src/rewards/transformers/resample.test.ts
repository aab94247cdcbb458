import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { picture } from '../../../test/support/vision.js';
import { resample } from './resample.js';
import { withinEdges } from './resize-as-pil.js';

interface Case {
  readonly of: 'picture' | 'noise';
  readonly filter: number;
  readonly size: readonly [number, number];
  readonly data: string;
}
const fixture = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/vision/resample.json', import.meta.url), 'utf8'),
) as {
  readonly noise: string;
  readonly cases: readonly Case[];
  readonly edges: readonly { readonly of: [number, number]; readonly size: [number, number] }[];
};
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

describe('resample', () => {
  const images = {
    picture: picture(24, 18, 1),
    noise: { width: 24, height: 18, data: bytes(fixture.noise) },
  };

  it.each([0, 1, 2, 3, 4, 5])('gives the bytes of PIL with filter %i', (filter) => {
    const cases = fixture.cases.filter((one) => one.filter === filter);
    expect(cases).toHaveLength(14);
    for (const { of, size, data } of cases) {
      const resized = resample(images[of], ...size, filter);
      expect(resized).toEqual({ width: size[0], height: size[1], data: bytes(data) });
    }
  });

  it('gives back what has the size, and a plain colour as it is', () => {
    expect(resample(images.noise, 24, 18, 3)).toBe(images.noise);
    const side = fc.integer({ min: 1, max: 40 });
    const filter = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(side, side, side, side, filter, fc.nat(255), (w, h, newWidth, newHeight, filter, value) => {
        const plain = { width: w, height: h, data: new Uint8Array(w * h * 3).fill(value) };
        const { data } = resample(plain, newWidth, newHeight, filter);
        expect(data).toEqual(new Uint8Array(newWidth * newHeight * 3).fill(value));
      }),
    );
  });

  it('refuses a filter that there is not', () => {
    expect(() => resample(images.noise, 3, 3, 6)).toThrow('there is no filter 6; the filters are 0 to 5');
  });
});

describe('withinEdges', () => {
  it.each(fixture.edges)('is of $of what transformers gives', ({ of: [width, height], size }) => {
    expect(withinEdges({ width, height }, 800, 1333)).toEqual(size);
  });
});
