/** For each sampled token, which vocabulary entries truncation (top-k, top-p) kept. One bit each, on the host. */
export interface KeptSet {
  /** `[rows · width · ceil(vocabulary / 8)]`; bit `v & 7` of byte `v >> 3` is set when entry `v` was kept. */
  readonly bits: Uint8Array;
  /** R: rows of the token batch. */
  readonly rows: number;
  /** T: the padded length. */
  readonly width: number;
  /** V: entries of the token space. */
  readonly vocabulary: number;
}

/** Bytes of one token's entry. */
export function keptBytes(vocabulary: number): number {
  return (vocabulary + 7) >> 3;
}

/** The rows `[begin, end)` of a kept set. Shares memory. */
export function sliceKeptSet(kept: KeptSet, begin: number, end: number): KeptSet {
  const row = kept.width * keptBytes(kept.vocabulary);
  return { ...kept, bits: kept.bits.subarray(begin * row, end * row), rows: end - begin };
}

/** One byte per entry, 1 where kept: `[rows · width · vocabulary]`. */
export function keptMask(kept: KeptSet): Uint8Array {
  const { bits, rows, width, vocabulary } = kept;
  const bytes = keptBytes(vocabulary);
  const mask = new Uint8Array(rows * width * vocabulary);
  for (let token = 0; token < rows * width; token++) {
    const from = token * bytes;
    const to = token * vocabulary;
    for (let v = 0; v < vocabulary; v++) {
      mask[to + v] = ((bits[from + (v >> 3)] as number) >> (v & 7)) & 1;
    }
  }
  return mask;
}
