import * as tf from '@tensorflow/tfjs';
import { checkpointError } from '../../models/checkpoints/failure.js';
import type { CheckpointFolder, WritableFolder } from '../../models/checkpoints/folder.js';
import { encodeFloats } from '../../models/checkpoints/half-precision.js';
import { openTensorFile } from '../../models/checkpoints/open-file.js';
import type { TensorSource } from '../../models/checkpoints/source.js';
import { writeCheckpoint } from '../../models/checkpoints/write-checkpoint.js';
import { sha256 } from '../../sha256.js';
import type { SavedTensors } from './manifest.js';
import { Mismatch } from './mismatch.js';

/** Writes tensors to a file, one in memory at a time. @param tensors stay the caller's */
export async function saveTensors(
  folder: WritableFolder,
  file: string,
  tensors: Readonly<Record<string, tf.Tensor>>,
): Promise<SavedTensors> {
  const digests: Record<string, string> = {};
  const written = Object.entries(tensors).map(([name, tensor]) => ({
    name,
    dtype: 'F32' as const,
    shape: tensor.shape,
    bytes: async () => {
      const bytes = encodeFloats((await tensor.data()) as Float32Array, 'F32');
      digests[name] = await sha256(bytes);
      return bytes;
    },
  }));
  await writeCheckpoint(folder, written, { file });
  return { file, digests };
}

/**
 * Reads every tensor once and compares it with its checksum.
 * @param shapes what must be there, by name
 * @returns where they can be read from
 * @throws BicotError `checkpoint` for a file that is missing, damaged, or holds other tensors
 */
export async function verifyTensors(
  folder: CheckpointFolder,
  { file, digests }: SavedTensors,
  shapes?: Readonly<Record<string, readonly number[]>>,
): Promise<TensorSource> {
  const path = `${folder.path}/${file}`;
  const source = await openTensorFile(folder, file);
  const names = Object.keys(shapes ?? digests);
  const other = [...new Set([...names, ...source.tensors.keys()])].filter(
    (name) => !(names.includes(name) && source.tensors.has(name) && name in digests),
  );
  if (other.length > 0) {
    throw new Mismatch(
      `${path}: it does not hold the same tensors as this run: ${other.slice(0, 5).join(', ')}. Make the policy as it was when the run was begun.`,
    );
  }
  for (const name of names) {
    const { shape } = source.tensors.get(name) as { shape: readonly number[] };
    const wanted = shapes?.[name] ?? shape;
    if (shape.join() !== wanted.join()) {
      throw new Mismatch(
        `${path}: ${name} is [${shape.join(', ')}], but the policy's is [${wanted.join(', ')}]. Make the policy as it was when the run was begun.`,
      );
    }
    if ((await sha256(await source.readBytes(name))) !== digests[name]) {
      throw checkpointError(path, `the checksum of ${name} is wrong`, 'The checkpoint is damaged.');
    }
  }
  return source;
}

/**
 * Reads tensors and hands them over.
 * @param take gets tensors by name, which are disposed when it returns
 */
export async function readTensors(
  source: TensorSource,
  take: (tensors: Readonly<Record<string, tf.Tensor>>) => void,
): Promise<void> {
  const tensors: Record<string, tf.Tensor> = {};
  try {
    for (const [name, { shape }] of source.tensors) {
      tensors[name] = tf.tensor(await source.readFloats(name), [...shape], 'float32');
    }
    take(tensors);
  } finally {
    tf.dispose(tensors);
  }
}
