/** Rows that are computed together, and how wide they are. */
export interface MicroBatch {
  /** Places of the rows in their batch. */
  readonly rows: readonly number[];
  /** The longest completion of these rows, at least 1: what lies beyond is padding. */
  readonly width: number;
}

/**
 * Cuts rows into micro-batches of like lengths, so that no short row is computed at the width of a long one. Longest
 * first: what does not fit into memory shows right away, and workers end together. Rows of one length keep their order.
 * @param lengths `[R]`
 * @param size the most rows of a micro-batch; at least 1 is taken
 * @param rows which rows; default all
 */
export function microBatches(
  lengths: ArrayLike<number>,
  size: number,
  rows: readonly number[] = Array.from({ length: lengths.length }, (_, row) => row),
): MicroBatch[] {
  const step = Math.max(1, Math.floor(size));
  const sorted = [...rows].sort((a, b) => (lengths[b] as number) - (lengths[a] as number) || a - b);
  return Array.from({ length: Math.ceil(sorted.length / step) }, (_, i) => {
    const own = sorted.slice(i * step, (i + 1) * step);
    return { rows: own, width: Math.max(1, lengths[own[0] as number] as number) };
  });
}
