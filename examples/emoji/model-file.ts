import { join } from 'node:path';
import type { WordTokenizer } from 'bicot/models';
import { readSafetensors } from 'bicot/node';
import { type EmojiModel, emojiModelOf } from './model.js';

/**
 * Reads the model and the image tokenizer that `demo:pretrain` wrote to a folder.
 * @param weights another folder with a model.safetensors, e.g. a run's
 */
export async function loadEmojiModel(
  folder: string,
  weights = folder,
  tokenizer?: WordTokenizer,
): Promise<EmojiModel> {
  return emojiModelOf(
    await readSafetensors(join(folder, 'codebook.safetensors')),
    await readSafetensors(join(weights, 'model.safetensors')),
    tokenizer,
  );
}
