import type { RowRange } from '../rollout/level-log-probs.js';

/** Ranges of at most `size` (at least 1) that cover `[0, rows)` in order. */
export function rowRanges(rows: number, size: number): RowRange[] {
  const step = Math.max(1, Math.floor(size));
  return Array.from({ length: Math.ceil(rows / step) }, (_, i) => ({
    begin: i * step,
    end: Math.min(rows, (i + 1) * step),
  }));
}
