import type { RgbImage } from '../../policy/policy.js';
import type { TransformersModule } from './package.js';

/**
 * What is wrong with a picture, if anything: its sides must be whole numbers, and its bytes one for each of three
 * channels.
 * @returns a reason to fail with, or nothing
 */
export function imageFault({ width, height, data }: RgbImage): string | undefined {
  const sides = [width, height];
  if (!sides.every((side) => Number.isSafeInteger(side) && side > 0)) {
    return `the image is ${width} × ${height}, but sides must be positive whole numbers`;
  }
  if (data.length === width * height * 3) return undefined;
  return `the image is ${width} × ${height} with ${data.length} bytes, but RGB takes ${width * height * 3}; drop an alpha channel, and pass all rows`;
}

/**
 * A picture as transformers.js takes it. The pixels are shared, not copied; nothing of the package writes into them.
 * @param image without a fault (`imageFault`)
 * @returns a new `RawImage`, for one call: processors put other pixels into it
 */
export const toRawImage = ({ RawImage }: TransformersModule, image: RgbImage): object =>
  new RawImage(image.data, image.width, image.height, 3);
