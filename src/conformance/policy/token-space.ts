import { reasonOf } from '../../errors.js';
import type { RgbImage, TextSpace } from '../../policy/policy.js';
import { type TokenBatch, tokenBatch } from '../../policy/tokens.js';
import { uniformInteger, uniformStream } from '../../tensor/noise.js';
import { error, type Measured, note, ok, warning } from '../check-result.js';
import type { Subject } from './subject.js';

/** How far a picture's values may move with what else is decoded: rounding, not more. */
const PICTURE_TOLERANCE = 2;

const isCount = (value: number): boolean => Number.isInteger(value) && value > 0;

/** The space's numbers make sense. */
export function checkSpace<Context>({ tokens }: Subject<Context>): Measured {
  const { kind, size } = tokens;
  if (kind !== 'text' && kind !== 'image') return error(`kind is '${kind}', expected 'text' or 'image'`);
  if (!isCount(size)) return error(`size is ${size}, expected a positive whole number of tokens`);
  if (kind === 'text') return ok(`text, ${size} tokens`);
  if (!isCount(tokens.length)) return error(`length is ${tokens.length}, expected the tokens of one image`);
  return ok(`image, ${size} tokens, ${tokens.length} an image`);
}

/** Completions can end. */
export function checkEndToken<Context>({ tokens }: Subject<Context>): Measured {
  const { endToken, size, kind } = tokens as { endToken?: number; size: number; kind: string };
  if (endToken === undefined) {
    return note('absent: every text has the length that is asked for');
  }
  if (kind === 'image') {
    return error(`an image space has the end token ${endToken}`, 'Remove it: images end at their length.');
  }
  return Number.isInteger(endToken) && endToken >= 0 && endToken < size
    ? ok(`${endToken} in [0, ${size})`)
    : error(`endToken is ${endToken} but ids are whole numbers in [0, ${size}): no text would ever end`);
}

/** Text to ids and back stays within the vocabulary. Every id can be sampled, so every id must decode. */
export function checkTextCodec<Context>({ tokens }: Subject<Context>): Measured {
  if (tokens.kind !== 'text') return ok('no text');
  const { size, endToken } = tokens;
  // A method may need its `this`.
  if (tokens.decode === undefined) return note('decode is absent: plans stay ids');
  const rows = tryTokens(size, 8);
  const texts: string[] = [];
  for (const ids of rows) {
    const decoded = attempt(`decode([${ids.join(', ')}])`, () => tokens.decode?.(Int32Array.from(ids)));
    if ('failed' in decoded) return error(decoded.failed);
    if (typeof decoded.value !== 'string')
      return error(`decode gave ${typeof decoded.value}, expected a string`);
    if (tokens.decode(Int32Array.from(ids)) !== decoded.value) {
      return error(`decode([${ids.join(', ')}]) gives another text the second time`);
    }
    texts.push(decoded.value);
  }
  if (tokens.encode === undefined) return note(`decode takes ids 0 to ${size - 1}; encode is absent`);
  return checkEncoding(tokens, texts, endToken);
}

function checkEncoding(tokens: TextSpace, texts: readonly string[], endToken: number | undefined): Measured {
  for (const text of texts) {
    const encoded = attempt(`encode('${text}'), a text that decode gave,`, () => tokens.encode?.(text));
    if ('failed' in encoded) return error(encoded.failed);
    const ids = Array.from(encoded.value ?? []);
    const outside = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < tokens.size));
    if (outside !== undefined) {
      return error(`encode('${text}') gives the id ${outside}, outside [0, ${tokens.size})`);
    }
    if (endToken !== undefined && ids.includes(endToken)) {
      return warning(
        `encode('${text}') gives the end token ${endToken}, which is a special token`,
        'Let decode drop special tokens and encode add none; templates put them where they belong.',
      );
    }
  }
  return ok(`decode takes ids 0 to ${tokens.size - 1}; encode of what it gives is in range`);
}

/** Image tokens become pictures, whatever they are. Every image can be sampled, so every image must decode. */
export async function checkImageDecoding<Context>({ tokens }: Subject<Context>): Promise<Measured> {
  if (tokens.kind !== 'image') return ok('no image');
  if (tokens.decode === undefined) return note('decode is absent: rewards see tokens but no pictures');
  const batch = tokenBatch(tryTokens(tokens.size, tokens.length), tokens.length);
  const pictures = await tokens.decode(copied(batch));
  if (!Array.isArray(pictures) || pictures.length !== batch.rows) {
    const got = Array.isArray(pictures) ? `${pictures.length} pictures` : String(pictures);
    return error(`${got} for ${batch.rows} rows of tokens`, 'Return one picture per row, in order.');
  }
  const { width, height } = pictures[0] as RgbImage;
  for (const [row, picture] of pictures.entries()) {
    const wrong = pictureFault(picture, width, height);
    if (wrong !== undefined) return error(`the picture of row ${row} ${wrong}`);
  }
  const again = pictureGap(pictures, await tokens.decode(copied(batch)));
  if (again > 0) {
    return error(
      `decoding the same tokens twice gives values that differ by ${again} of 255 (allowed 0)`,
      'Switch dropout and sampling off in the decoder, and give every call buffers of its own.',
    );
  }
  // Backwards, so that a row that depends on its place or its neighbours shows.
  const order = Array.from({ length: batch.rows }, (_, row) => batch.rows - 1 - row);
  const backwards = await tokens.decode(tokenBatch(order.map((row) => [...rowOf(batch, row)])));
  const gap = pictureGap(
    pictures,
    order.map((row) => backwards[row] as RgbImage),
  );
  if (gap > PICTURE_TOLERANCE) {
    return error(
      `a picture depends on the other rows: its values differ by ${gap} of 255 (allowed ${PICTURE_TOLERANCE})`,
      'Decode every row by itself: no statistics over the batch, and pictures in the order of the rows.',
    );
  }
  if (pictures.every((picture) => pictureGap([picture], pictures.slice(0, 1)) === 0)) {
    return warning(`${batch.rows} rows of different tokens give the same picture`);
  }
  return ok(
    `${batch.rows} rows of ids 0 to ${tokens.size - 1} give ${batch.rows} pictures of ${width}×${height}`,
  );
}

function pictureFault(picture: RgbImage | undefined, width: number, height: number): string | undefined {
  if (!(picture?.data instanceof Uint8Array)) return 'has no data of type Uint8Array';
  const size = `${picture.width}×${picture.height}`;
  if (!isCount(picture.width) || !isCount(picture.height)) return `is ${size} pixels`;
  if (picture.width !== width || picture.height !== height)
    return `is ${size}, the first is ${width}×${height}`;
  const bytes = width * height * 3;
  return picture.data.length === bytes
    ? undefined
    : `has ${picture.data.length} bytes, expected ${bytes} = width · height · 3 (RGB)`;
}

/** The largest difference of any value. */
function pictureGap(a: readonly RgbImage[], b: readonly RgbImage[]): number {
  let worst = 0;
  for (const [row, { data }] of a.entries()) {
    const other = b[row]?.data;
    if (other?.length !== data.length) return 255;
    for (let i = 0; i < data.length; i++) {
      worst = Math.max(worst, Math.abs((data[i] as number) - (other[i] as number)));
    }
  }
  return worst;
}

/** Rows of tokens: two random ones, then every id at the ends of the vocabulary. */
function tryTokens(size: number, length: number): number[][] {
  const random = [0, 1].map((row) => {
    const stream = uniformStream('checkPolicy', 'tokens', row);
    return Array.from({ length }, () => uniformInteger(stream, size));
  });
  return [...random, new Array<number>(length).fill(0), new Array<number>(length).fill(size - 1)];
}

const rowOf = ({ ids, width }: TokenBatch, row: number): Int32Array =>
  ids.subarray(row * width, (row + 1) * width);
const copied = (batch: TokenBatch): TokenBatch => ({
  ...batch,
  ids: batch.ids.slice(),
  lengths: batch.lengths.slice(),
});

function attempt<T>(what: string, action: () => T): { value: T } | { failed: string } {
  try {
    return { value: action() };
  } catch (thrown) {
    return { failed: `${what} threw: ${reasonOf(thrown)}` };
  }
}
