import type { PromptRow, RgbImage, TokenContext } from 'bicot';
import {
  createTransformer,
  fitPatchCodebook,
  importPatchCodebook,
  importWeights,
  type PatchCodebook,
  type Safetensors,
  type TransformerPolicy,
} from 'bicot/models';
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

/** The model and the image tokenizer that `demo:pretrain` wrote. */
export interface EmojiModel {
  /** The caller disposes it. */
  readonly model: TransformerPolicy;
  readonly codebook: PatchCodebook;
}

/**
 * Makes the model of what its two files hold; how they are read is the caller's affair (`model-file.ts` in Node, `fetch`
 * in a page).
 * @throws BicotError `safetensors` if they hold something else
 */
export function emojiModelOf(codebookFile: Safetensors, weights: Safetensors): EmojiModel {
  const codebook = importPatchCodebook(codebookFile.tensors, codebookFile.metadata);
  const model = createEmojiModel(codebook);
  try {
    importWeights(model.variables, weights.tensors, "the emoji model's weights");
  } catch (error) {
    model.dispose();
    throw error;
  }
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
