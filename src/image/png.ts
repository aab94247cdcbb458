import { type DecodedPng, decode, encode } from 'fast-png';
import { BicotError, reasonOf } from '../errors.js';
import type { RgbImage } from '../policy/policy.js';

/**
 * An image as a PNG file (8-bit RGB). The same image gives the same bytes.
 * @throws BicotError `shape` if `data` is not `height · width · 3` long
 */
export function encodePng(image: RgbImage): Uint8Array {
  assertImage(image, 'encodePng');
  const { width, height, data } = image;
  // Level 6 is zlib's own default. Rows are written unfiltered, which costs more bytes than the level saves.
  return encode({ width, height, data, channels: 3, depth: 8 }, { zlib: { level: 6 } });
}

/**
 * A PNG file of any colour type as an 8-bit RGB image; transparent pixels are laid over white.
 * @throws BicotError `value` if the bytes are not a whole PNG file, or one that is interlaced and has less than 8 bits
 *   a channel
 */
export function decodePng(bytes: Uint8Array): RgbImage {
  const png = readPng(bytes);
  const { width, height } = png;
  const color = colorAt(png);
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const rgba = color(x, y);
      const alpha = rgba[3];
      for (let c = 0; c < 3; c++) {
        // α · colour + (1 − α) · white
        const onWhite = (rgba[c] as number) * alpha + 255 * (255 - alpha);
        rgb[(y * width + x) * 3 + c] = Math.round(onWhite / 255);
      }
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

/** Red, green, blue and alpha, from 0 to 255; with fractions where the file has 16 bits. */
type Rgba = readonly [number, number, number, number];

/** How a pixel is read; by the file's colour type (PNG specification, section 6.1). */
function colorAt(png: DecodedPng): (x: number, y: number) => Rgba {
  const { channels, depth, palette, transparency } = png;
  const scale = 255 / (2 ** depth - 1);
  const value = valueAt(png);
  // A picture with channels of its own may have a palette too, as advice to old displays.
  if (palette && channels === 1) {
    return (x, y) => {
      const [red, green, blue, alpha = 255] = palette[value(x, y, 0)] ?? [];
      if (red === undefined || green === undefined || blue === undefined) {
        throw unreadable('a pixel has a colour that is not in the palette', png.data.length);
      }
      return [red, green, blue, alpha];
    };
  }
  const seeThrough = (...pixel: number[]): number =>
    transparency !== undefined && pixel.every((of, c) => of === transparency[c]) ? 0 : 255;
  return (x, y) => {
    const red = value(x, y, 0);
    if (channels <= 2) {
      const grey = red * scale;
      return [grey, grey, grey, channels === 2 ? value(x, y, 1) * scale : seeThrough(red)];
    }
    const [green, blue] = [value(x, y, 1), value(x, y, 2)];
    const alpha = channels === 4 ? value(x, y, 3) * scale : seeThrough(red, green, blue);
    return [red * scale, green * scale, blue * scale, alpha];
  };
}

/** One channel of one pixel. Below 8 bits several pixels share a byte, the first in its highest bits. */
function valueAt({ width, channels, depth, data }: DecodedPng): (x: number, y: number, c: number) => number {
  if (depth >= 8) return (x, y, c) => data[(y * width + x) * channels + c] as number;
  const stride = Math.ceil((width * depth) / 8);
  return (x, y) => {
    const byte = data[y * stride + ((x * depth) >> 3)] as number;
    return (byte >> (8 - depth - ((x * depth) & 7))) & (2 ** depth - 1);
  };
}

/** Where a file says whether it is interlaced: the last byte of its header, which comes first. */
const INTERLACE = 28;

function readPng(bytes: Uint8Array): DecodedPng {
  try {
    const png = decode(bytes, { checkCrc: true });
    if (png.depth >= 8 || bytes[INTERLACE] === 0) return png;
  } catch (cause) {
    throw unreadable(reasonOf(cause), bytes.length, cause);
  }
  // fast-png takes each pixel of these for a byte.
  throw unreadable('interlaced, with less than 8 bits a channel', bytes.length);
}

const unreadable = (reason: string, length: number, cause?: unknown): BicotError =>
  new BicotError(
    'value',
    `decodePng: not a readable PNG file (${reason}; ${length} bytes). Check the path and that the file is complete.`,
    { cause },
  );
