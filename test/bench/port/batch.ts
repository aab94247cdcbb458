import type { TransformerConfig } from 'bicot/models';

type Rows = readonly (readonly number[])[];

/** Sequences side by side, right-padded, as flat arrays for `tf.gather`. */
export interface Batch {
  readonly rows: number;
  /** S, the longest sequence. */
  readonly length: number;
  /** `[rows · S]`: image token i is row `textVocabulary + i` of the embedding table. */
  readonly ids: Int32Array;
  /** `[rows · S]`: which image token comes next, or `imageLength` for none. */
  readonly imagePositions: Int32Array;
}

/** Contexts with their completions behind them; the last completion token predicts nothing and is left out. */
export function joinRows(
  config: TransformerConfig,
  contexts: Rows,
  completions: Rows,
  image: boolean,
): Batch {
  const rows = contexts.length;
  const offset = image ? config.textVocabulary : 0;
  const joined = contexts.map((context, n) => [
    ...context,
    ...(completions[n] ?? []).slice(0, -1).map((id) => id + offset),
  ]);
  const length = Math.max(...joined.map((ids) => ids.length));
  const ids = new Int32Array(rows * length);
  const imagePositions = new Int32Array(rows * length).fill(config.imageLength);
  joined.forEach((row, n) => {
    ids.set(row, n * length);
    const before = (contexts[n]?.length as number) - 1;
    if (!image) return;
    for (let t = before; t < row.length; t++) imagePositions[n * length + t] = t - before;
  });
  return { rows, length, ids, imagePositions };
}

/** `[rows · T]`: where in the flattened batch each completion token is predicted; padding points at the first. */
export function predictedAt(contexts: Rows, completions: Rows, length: number): Int32Array {
  const width = Math.max(...completions.map((tokens) => tokens.length));
  return Int32Array.from({ length: contexts.length * width }, (_, i) => {
    const [n, t] = [Math.floor(i / width), i % width];
    const first = n * length + (contexts[n]?.length as number) - 1;
    return t < (completions[n]?.length as number) ? first + t : first;
  });
}

/** `[rows · T]`, right-padded with `filler`. */
export function padRows(rows: Rows, filler = 0): number[] {
  const width = Math.max(...rows.map((row) => row.length));
  return rows.flatMap((row) => [...row, ...new Array<number>(width - row.length).fill(filler)]);
}
