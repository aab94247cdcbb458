import type { CheckpointFolder } from './folder.js';
import { openSafetensors } from './safetensors-file.js';
import type { TensorSource } from './source.js';
import { tensorSource } from './tensor-source.js';
import { openStateDict } from './torch/state-dict.js';

/**
 * The tensors of one file: safetensors by its ending, otherwise what `torch.save` wrote. Of a training script's checkpoint
 * all tensors are listed, the names of nested dicts joined by dots (`model.norm.weight`); other data is left out.
 * @throws BicotError `checkpoint` for a file that is missing, damaged or could run code in Python
 */
export async function openTensorFile(folder: CheckpointFolder, file: string): Promise<TensorSource> {
  const tensors = file.endsWith('.safetensors')
    ? await openSafetensors(folder, file)
    : await openStateDict(folder, file, { nested: true });
  return { ...tensorSource(folder, tensors), path: `${folder.path}/${file}` };
}
