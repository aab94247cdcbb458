/** How far loading has come. */
export interface LoadProgress {
  /** The tensor that was loaded last, by its name in the checkpoint. */
  readonly tensor: string;
  /** Tensors loaded, this one included. */
  readonly done: number;
  /** Tensors that will be loaded. */
  readonly total: number;
  /** Bytes read, as they are stored. */
  readonly bytes: number;
  /** Bytes that will be read. */
  readonly totalBytes: number;
}
