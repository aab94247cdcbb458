import type { LoadProgress } from './load-progress.js';
import type { TensorSource } from './source.js';

/** One tensor to read. */
export interface ReadTask {
  readonly source: TensorSource;
  /** The tensor's name there. */
  readonly stored: string;
  run(): Promise<void>;
}

/** More about `readAll`. */
export interface ReadAllOptions {
  /** Called after each tensor. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Called before each tensor; throws to stop. */
  readonly check: () => void;
}

/** Reads one tensor after the other, so that never more than one is on the host, and tells how far it is. */
export async function readAll(
  tasks: readonly ReadTask[],
  { onProgress, check }: ReadAllOptions,
): Promise<void> {
  const bytesOf = ({ source, stored }: ReadTask): number => source.tensors.get(stored)?.bytes ?? 0;
  const totalBytes = tasks.reduce((sum, task) => sum + bytesOf(task), 0);
  let bytes = 0;
  for (const [i, task] of tasks.entries()) {
    check();
    await task.run();
    bytes += bytesOf(task);
    onProgress?.({ tensor: task.stored, done: i + 1, total: tasks.length, bytes, totalBytes });
  }
}
