import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WordTokenizer } from 'bicot/models';
import { readSafetensors } from 'bicot/node';
import { demoFolder } from './demo-folder.js';
import { type EmojiModel, emojiModelOf } from './model.js';

/**
 * Reads the model and the image tokenizer that `demo:pretrain` wrote to a folder.
 * @param folder default: the base model that comes with bicot
 * @param weights another folder with a model.safetensors, e.g. a run's
 * @param tokenizer of the model's words; default: the demo's
 * @throws BicotError `safetensors` if the files hold something else
 */
export async function loadEmojiModel(
  folder: string = fileURLToPath(demoFolder('base')),
  weights: string = folder,
  tokenizer?: WordTokenizer,
): Promise<EmojiModel> {
  return emojiModelOf(
    await readSafetensors(join(folder, 'codebook.safetensors')),
    await readSafetensors(join(weights, 'model.safetensors')),
    tokenizer,
  );
}

/** SHA-256 of a folder's model.safetensors, in hexadecimal digits: which weights something was measured with. */
export function weightsChecksum(folder: string): string {
  return createHash('sha256')
    .update(readFileSync(join(folder, 'model.safetensors')))
    .digest('hex');
}
