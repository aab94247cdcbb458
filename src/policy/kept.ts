/** For each sampled token, which vocabulary entries truncation (top-k, top-p) kept. One bit each, on the host. */
export interface KeptSet {
  /** `[rows · width · ceil(vocabulary / 8)]`; bit `v & 7` of byte `v >> 3` is set when entry `v` was kept. */
  readonly bits: Uint8Array;
  readonly rows: number;
  readonly width: number;
  readonly vocabulary: number;
}
