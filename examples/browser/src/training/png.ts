/** The pixels of a PNG file with 8 bits for each of red, green and blue, not interlaced. */
export interface RgbaPicture {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 4]`. */
  readonly data: Uint8Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Decodes a PNG exactly. Not by way of a canvas: browsers that protect against fingerprinting change a few pixels of what is
 * read from one, and the codebook knows its patches to the bit.
 * @throws Error for another kind of file
 */
export async function decodeRgbPng(file: Uint8Array<ArrayBuffer>): Promise<RgbaPicture> {
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) throw new Error('The atlas is no PNG file.');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const compressed: Uint8Array<ArrayBuffer>[] = [];
  let [width, height] = [0, 0];
  for (let at = 8; at < file.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') {
      width = view.getUint32(at + 8);
      height = view.getUint32(at + 12);
      const [depth, color, , , interlace] = body.subarray(8);
      if (depth !== 8 || color !== 2 || interlace !== 0) {
        throw new Error('The atlas is a PNG of another kind than 8-bit RGB, not interlaced.');
      }
    }
    if (type === 'IDAT') compressed.push(body);
    at += length + 12;
  }
  return { width, height, data: unfilter(await inflate(compressed), width, height) };
}

async function inflate(parts: readonly Uint8Array<ArrayBuffer>[]): Promise<Uint8Array> {
  const stream = new Blob([...parts]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const BYTES = 3;

/** Undoes the filter of each row (PNG specification, section 9). */
function unfilter(rows: Uint8Array, width: number, height: number): Uint8Array {
  const stride = width * BYTES;
  const rgb = new Uint8Array(height * stride);
  const data = new Uint8Array(height * width * 4).fill(255);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const left = x >= BYTES ? (rgb[y * stride + x - BYTES] ?? 0) : 0;
      const up = y > 0 ? (rgb[(y - 1) * stride + x] ?? 0) : 0;
      const upLeft = x >= BYTES && y > 0 ? (rgb[(y - 1) * stride + x - BYTES] ?? 0) : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter ?? 0] ?? 0;
      const value = ((rows[y * (stride + 1) + 1 + x] ?? 0) + predicted) & 255;
      rgb[y * stride + x] = value;
      data[(y * width + Math.floor(x / BYTES)) * 4 + (x % BYTES)] = value;
    }
  }
  return data;
}

function paeth(left: number, up: number, upLeft: number): number {
  const guess = left + up - upLeft;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - upLeft)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : upLeft;
}
