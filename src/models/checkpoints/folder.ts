/** A folder of model files that can be read in pieces: a directory, a URL, or whatever a user makes of these functions. */
export interface CheckpointFolder {
  /** What error messages call it. */
  readonly path: string;
  /** Names of its files. */
  list(): Promise<string[]>;
  /** Bytes of a file. */
  size(file: string): Promise<number>;
  /** The bytes `[begin, end)` of a file, as an array of their own. */
  read(file: string, begin: number, end: number): Promise<Uint8Array>;
}

/** A folder that can be written to. */
export interface WritableFolder extends CheckpointFolder {
  /** Writes a whole file piece by piece, so that a reader, or a crash, sees all of it or nothing. */
  write(file: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
}

/** A folder whose files can be removed too. */
export interface EditableFolder extends WritableFolder {
  /** Removes a file. One that is not there is fine. */
  remove(file: string): Promise<void>;
}
