/** The scores of K rewards for N samples. */
export interface RewardTable {
  /** `[K]`. */
  readonly names: readonly string[];
  /** `[N · K]`, row-major; NaN where a reward gave no score. */
  readonly values: Float64Array;
  /** N. */
  readonly rows: number;
}

/** `[N]`: the scores of reward `k`. */
export function rewardColumn({ names, values, rows }: RewardTable, k: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => values[i * names.length + k] as number);
}
