/** What goes into the models, compared with the processors of transformers on PIL (OWLv2's are of SciPy). */
import { describe, expect, it } from 'vitest';
import { type ExpectedPixels, farthest, type Packed, readExpected, unpack } from '../../support/vision.js';
import { processPictures } from './process.js';

/** The bytes are the same, and then three operations in float32 or float64: 2.4e-7 measured, in standard deviations. */
const SAME_BYTES = 1e-6;
/** OWLv2's processor in Python does not round to bytes: 0.0104 measured, where one level of 255 is 0.0150. */
const UNROUNDED = 0.015;

type Sample = Packed & { readonly step: number };
interface RealSize {
  readonly shape: readonly number[];
  readonly pixel_values: Sample;
}

/** How far a processor's pictures are from a fixture, at the places that it has. */
async function distance(
  folder: string,
  size: readonly [number, number],
  which: readonly number[],
  sample: Sample,
) {
  const { pixel_values } = await processPictures(folder, size, which);
  const values = pixel_values?.data as Float32Array;
  return farthest(
    values.filter((_, i) => i % sample.step === 0),
    unpack(sample),
  );
}

describe('pixel values', () => {
  const families = ['clip', 'siglip', 'owlvit', 'grounding-dino'];

  it.each([...families, 'owlv2'])('of pictures that have the size of %s', async (family) => {
    const { exact } = readExpected<{ exact: ExpectedPixels }>(family);
    expect(await distance(family, exact.size, [0, 1, 2], exact.pixel_values)).toBeLessThan(SAME_BYTES);
  });

  it.each(families)('of pictures that are made smaller or larger: %s', async (family) => {
    const { resized } = readExpected<{ resized: ExpectedPixels }>(family);
    expect(await distance(family, resized.size, [0, 1, 2], resized.pixel_values)).toBeLessThan(SAME_BYTES);
  });

  it.each([...families, 'owlv2'])('of a picture of 384 × 384 at the real size of %s', async (family) => {
    const folder = `preprocessing/${family}`;
    const { shape, pixel_values } = readExpected<RealSize>(folder);
    const given = await processPictures(folder, [384, 384], [0]);
    expect(given.pixel_values?.dims).toEqual(shape);
    const bound = family === 'owlv2' ? UNROUNDED : SAME_BYTES;
    expect(await distance(folder, [384, 384], [0], pixel_values)).toBeLessThan(bound);
  });

  it("are not the package's own, which this test would tell if it changed", async () => {
    const own = async (family: string) =>
      (await processPictures(`preprocessing/${family}`, [384, 384], [0], 'sharp')).pixel_values;
    expect((await own('grounding-dino'))?.dims).toEqual([1, 3, 1333, 1333]);
    const { pixel_values } = readExpected<RealSize>('preprocessing/clip');
    const values = (await own('clip'))?.data as Float32Array;
    const sampled = values.filter((_, i) => i % pixel_values.step === 0);
    expect(farthest(sampled, unpack(pixel_values))).toBeGreaterThan(0.1);
  });
});
