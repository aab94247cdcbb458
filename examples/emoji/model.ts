import type { PromptRow, RgbImage, TokenContext } from 'bicot';
import {
  createTransformer,
  fitPatchCodebook,
  importPatchCodebook,
  importWeights,
  type PatchCodebook,
  type Safetensors,
  type TransformerPolicy,
  type WordTokenizer,
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

/** An untrained model of the demo's world, or of the one whose words the tokenizer knows. */
export function createEmojiModel(
  codebook: PatchCodebook,
  seed = 0,
  tokenizer: WordTokenizer = TOKENIZER,
): TransformerPolicy {
  return createTransformer(
    {
      textVocabulary: tokenizer.size,
      imageVocabulary: codebook.size,
      imageLength: codebook.length,
      endToken: END,
      specialTokens: tokenizer.specials,
      width: 128,
      layers: 4,
      heads: 4,
      hidden: 344,
    },
    { tokenizer, imageTokenizer: codebook, seed },
  );
}

/** The model and the image tokenizer that `demo:pretrain` wrote. */
export interface EmojiModel {
  /** The caller disposes it. */
  readonly model: TransformerPolicy;
  /** The image tokenizer, which holds no tensors. */
  readonly codebook: PatchCodebook;
}

/**
 * Makes the model of what its two files hold; how they are read is the caller's affair (`model-file.ts` in Node, `fetch`
 * in a page).
 * @throws BicotError `safetensors` if they hold something else
 */
export function emojiModelOf(
  codebookFile: Safetensors,
  weights: Safetensors,
  tokenizer: WordTokenizer = TOKENIZER,
): EmojiModel {
  const codebook = importPatchCodebook(codebookFile.tensors, codebookFile.metadata);
  const model = createEmojiModel(codebook, 0, tokenizer);
  try {
    importWeights(model.variables, weights.tensors, "the emoji model's weights");
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { model, codebook };
}

/** What the two levels are conditioned on. */
export interface EmojiContexts {
  /** A plan: `<bos> prompt <end>`. */
  readonly semantic: (row: Pick<PromptRow, 'prompt'>) => TokenContext;
  /** A picture, the re-templated prompt: `<bos> prompt <end> plan <image>`. A plan of no tokens: none. */
  readonly token: (row: Pick<PromptRow, 'prompt'>, plan: { readonly ids: Int32Array }) => TokenContext;
}

/** The contexts in the words of a tokenizer. */
export function emojiContexts(tokenizer: WordTokenizer): EmojiContexts {
  return {
    semantic: ({ prompt }) => ({ ids: Int32Array.of(BOS, ...tokenizer.encode(prompt), END) }),
    token: ({ prompt }, { ids }) => ({
      ids: Int32Array.of(BOS, ...tokenizer.encode(prompt), END, ...ids, IMAGE),
    }),
  };
}

const DEMO_CONTEXTS = emojiContexts(TOKENIZER);

/** What a plan is conditioned on, in the demo's words: `<bos> prompt <end>`. */
export const semanticContext = DEMO_CONTEXTS.semantic;
/** What a picture is conditioned on, in the demo's words: `<bos> prompt <end> plan <image>`. */
export const tokenContext = DEMO_CONTEXTS.token;
