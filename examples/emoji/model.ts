import { join } from 'node:path';
import type { PromptRow, RgbImage, TokenContext } from 'bicot';
import {
  createTransformer,
  fitPatchCodebook,
  importPatchCodebook,
  type PatchCodebook,
  type TransformerPolicy,
} from 'bicot/models';
import { loadWeights, readSafetensors } from 'bicot/node';
import type { Atlas } from './atlas.js';
import { PICTURE, renderScene } from './scene.js';
import { BOS, END, IMAGE, TOKENIZER } from './vocabulary.js';

/** Side of an image token, in pixels: a sprite is 2 × 2 tokens. */
export const PATCH = 8;
/** The most entries of the codebook; enough for every patch of every sprite. */
export const CODEBOOK_SIZE = 512;

/** The image tokenizer of this world, learned from its sprites (one of each, in every cell it can have). */
export function emojiCodebook(atlas: Atlas): PatchCodebook {
  const pictures: RgbImage[] = atlas.sprites.map((sprite) =>
    renderScene({ objects: [{ noun: sprite.noun, color: sprite.color, cell: 0 }] }, atlas),
  );
  return fitPatchCodebook(pictures, { width: PICTURE, height: PICTURE, patch: PATCH }, CODEBOOK_SIZE);
}

/** An untrained model of this world. */
export function createEmojiModel(codebook: PatchCodebook, seed = 0): TransformerPolicy {
  return createTransformer(
    {
      textVocabulary: TOKENIZER.size,
      imageVocabulary: codebook.size,
      imageLength: codebook.length,
      endToken: END,
      specialTokens: TOKENIZER.specials,
      width: 128,
      layers: 4,
      heads: 4,
      hidden: 344,
    },
    { tokenizer: TOKENIZER, imageTokenizer: codebook, seed },
  );
}

/**
 * The model and the image tokenizer that `demo:pretrain` wrote to a folder.
 * @param weights another folder with a model.safetensors, e.g. a run's
 */
export async function loadEmojiModel(
  folder: string,
  weights = folder,
): Promise<{ readonly model: TransformerPolicy; readonly codebook: PatchCodebook }> {
  const { tensors, metadata } = await readSafetensors(join(folder, 'codebook.safetensors'));
  const codebook = importPatchCodebook(tensors, metadata);
  const model = createEmojiModel(codebook);
  await loadWeights(join(weights, 'model.safetensors'), model.variables);
  return { model, codebook };
}

/** What a plan is conditioned on: `<bos> prompt <end>`. */
export function semanticContext({ prompt }: Pick<PromptRow, 'prompt'>): TokenContext {
  return { ids: Int32Array.of(BOS, ...TOKENIZER.encode(prompt), END) };
}

/** What a picture is conditioned on, the re-templated prompt: `<bos> prompt <end> plan <image>`. */
export function tokenContext({ prompt }: Pick<PromptRow, 'prompt'>, plan: { ids: Int32Array }): TokenContext {
  return { ids: Int32Array.of(BOS, ...TOKENIZER.encode(prompt), END, ...plan.ids, IMAGE) };
}
