import { PNG } from 'pngjs';
import { BicotError } from '../errors.js';
import type { RgbImage } from '../policy/policy.js';

/**
 * An image as a PNG file (8-bit RGB). The same image gives the same bytes on the same version of Node.
 * @throws BicotError `shape` if `data` is not `height · width · 3` long
 */
export function encodePng(image: RgbImage): Uint8Array {
  assertImage(image, 'encodePng');
  const { width, height, data } = image;
  const png = new PNG({ width, height, colorType: 2, inputColorType: 2, inputHasAlpha: false });
  png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false }));
}

/**
 * A PNG file of any colour type as an 8-bit RGB image; transparent pixels are laid over white.
 * @throws BicotError `value` if the bytes are not a whole PNG file
 */
export function decodePng(bytes: Uint8Array): RgbImage {
  const { width, height, data } = readPng(bytes);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[i * 4 + 3] as number;
    for (let c = 0; c < 3; c++) {
      // value = α · colour + (1 − α) · white
      rgb[i * 3 + c] = Math.round(((data[i * 4 + c] as number) * alpha + 255 * (255 - alpha)) / 255);
    }
  }
  return { width, height, data: rgb };
}

/** @throws BicotError `shape` unless `data` has `height · width · 3` bytes */
export function assertImage(image: RgbImage, what: string): void {
  const { width, height, data } = image;
  if (!(width > 0) || !(height > 0) || data.length !== width * height * 3) {
    throw new BicotError(
      'shape',
      `${what}: an image of ${width} × ${height} needs ${width * height * 3} bytes (height · width · 3, at least one pixel) but has ${data.length}. Pass 8-bit RGB without alpha.`,
    );
  }
}

function readPng(bytes: Uint8Array): PNG {
  try {
    return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BicotError(
      'value',
      `decodePng: not a readable PNG file (${reason}; ${bytes.length} bytes). Check the path and that the file is complete.`,
      { cause },
    );
  }
}
