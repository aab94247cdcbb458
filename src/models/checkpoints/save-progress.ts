import type { WrittenTensor } from './write-checkpoint.js';

/** How far saving has come. */
export interface SaveProgress {
  /** The tensor that was written last, by its name in the checkpoint. */
  readonly tensor: string;
  /** Tensors written, this one included. */
  readonly done: number;
  /** Tensors that will be written. */
  readonly total: number;
}

/** Tensors that tell when they are written. */
export function reporting(
  tensors: readonly WrittenTensor[],
  onProgress: ((progress: SaveProgress) => void) | undefined,
): WrittenTensor[] {
  let done = 0;
  return tensors.map((tensor) => ({
    ...tensor,
    async bytes() {
      const bytes = await tensor.bytes();
      done += 1;
      onProgress?.({ tensor: tensor.name, done, total: tensors.length });
      return bytes;
    },
  }));
}
