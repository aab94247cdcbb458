import { BicotError } from '../errors.js';
import { pickHostRows } from '../tensor/host-rows.js';

/**
 * Completions of a batch: `rows` sequences of at most `width` tokens, right-padded, on the host.
 * Token ids stay on the host because they must be validated there (out-of-range ids throw on some
 * backends and read as zero on others) and because nothing then has to dispose them.
 */
export interface TokenBatch {
  /** `[rows, width]`, row-major; positions at or past a row's length hold 0 and mean nothing. */
  readonly ids: Int32Array;
  /** `[rows]`: valid tokens of each row, the end token included. */
  readonly lengths: Int32Array;
  /** N, the number of sequences. */
  readonly rows: number;
  /** T, the padded length. */
  readonly width: number;
}

/**
 * Builds a batch from one id list per row; `width` defaults to the longest row.
 * @throws BicotError `shape` for a row that is longer than `width`
 */
export function tokenBatch(rows: readonly ArrayLike<number>[], width?: number): TokenBatch {
  const longest = rows.reduce((max, row) => Math.max(max, row.length), 0);
  const columns = width ?? longest;
  if (columns < longest) {
    throw new BicotError(
      'shape',
      `tokenBatch: a row has ${longest} tokens but width is ${columns}; pass a width of at least ${longest} or leave it out.`,
    );
  }
  const ids = new Int32Array(rows.length * columns);
  const lengths = new Int32Array(rows.length);
  rows.forEach((row, r) => {
    ids.set(row, r * columns);
    lengths[r] = row.length;
  });
  return { ids, lengths, rows: rows.length, width: columns };
}

/** The valid tokens of one row (a view, not a copy). */
export function tokenRow(batch: TokenBatch, row: number): Int32Array {
  const start = row * batch.width;
  return batch.ids.subarray(start, start + (batch.lengths[row] as number));
}

/** The rows `[begin, end)` of a batch, with the same width. Shares memory. */
export function sliceTokenBatch(batch: TokenBatch, begin: number, end: number): TokenBatch {
  return {
    ids: batch.ids.subarray(begin * batch.width, end * batch.width),
    lengths: batch.lengths.subarray(begin, end),
    rows: end - begin,
    width: batch.width,
  };
}

/** Some rows of a batch, in the order given, cut to `width` columns (at least the longest of them; default all). */
export function selectTokenRows(
  batch: TokenBatch,
  rows: readonly number[],
  width: number = batch.width,
): TokenBatch {
  return {
    ids: pickHostRows(batch.ids, batch.width, rows, width),
    lengths: pickHostRows(batch.lengths, 1, rows),
    rows: rows.length,
    width,
  };
}

/** 1 where a token is valid, 0 on padding: `[rows · width]`. */
export function tokenMask(batch: TokenBatch): Float32Array {
  const mask = new Float32Array(batch.rows * batch.width);
  for (let r = 0; r < batch.rows; r++) {
    mask.fill(1, r * batch.width, r * batch.width + (batch.lengths[r] as number));
  }
  return mask;
}

/**
 * Throws unless every valid id lies in `[0, size)`.
 * @throws BicotError `token-range`, naming the row, the position and the id
 */
export function assertTokenRange(batch: TokenBatch, size: number, what: string): void {
  for (let r = 0; r < batch.rows; r++) {
    const row = tokenRow(batch, r);
    for (let t = 0; t < row.length; t++) {
      const id = row[t] as number;
      if (id < 0 || id >= size) {
        throw new BicotError(
          'token-range',
          `${what}: token id ${id} at row ${r}, position ${t} is outside [0, ${size}). Check that the ids come from this policy's own token space.`,
        );
      }
    }
  }
}
