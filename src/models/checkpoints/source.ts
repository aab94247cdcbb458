/** Number formats of weights. */
export type StoredDtype = 'F32' | 'F16' | 'BF16' | 'I32' | 'U8' | 'I64' | 'F64' | 'BOOL';

/** A tensor as a checkpoint describes it. */
export interface StoredTensor {
  /** As the file has it; unique in the checkpoint. */
  readonly name: string;
  /** How its numbers are stored. */
  readonly dtype: StoredDtype;
  /** Sizes of its axes, row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** The file it lies in. */
  readonly file: string;
  /** Its length there. */
  readonly bytes: number;
}

/** Some rows of a tensor: `[begin, end)` of its first axis. */
export interface RowRange {
  /** The first row, from 0. */
  readonly begin: number;
  /** One past the last row. */
  readonly end: number;
}

/** The tensors of a checkpoint, of which each is read only when it is asked for. */
export interface TensorSource {
  /** What error messages call it. */
  readonly path: string;
  /** By name, in the order of the files. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Its bytes as they are stored, little-endian; all, or some rows. */
  readBytes(name: string, rows?: RowRange): Promise<Uint8Array>;
  /**
   * Its numbers as float32; all, or some rows. F32, F16 and BF16 can be read.
   * @throws BicotError `checkpoint` for an unknown name, another format, or a file that ends early
   */
  readFloats(name: string, rows?: RowRange): Promise<Float32Array>;
}
