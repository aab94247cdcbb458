import { BicotError } from '../../errors.js';
import { findModel, type ModelSource } from './model-source.js';
import type {
  OnnxConfig,
  OnnxModel,
  OnnxProcessor,
  OnnxTensor,
  OnnxTensors,
  TransformersModule,
} from './package.js';
import { resizeOneView } from './resize-one-view.js';
import { type AnswerTokens, answerTokens, type WordTokenizer } from './yes-no.js';

/** A vision-language model of transformers.js, whose encoders can be called by themselves. */
export interface VisionLanguageModel extends OnnxModel {
  readonly config: OnnxConfig & { readonly image_token_id?: number; readonly image_token_index?: number };
  /** @returns features of the picture's tokens, `[…, width]`; the caller disposes them */
  encode_image(inputs: OnnxTensors): Promise<OnnxTensor>;
  /** @returns `[1, T, width]`; the caller disposes it */
  encode_text(inputs: OnnxTensors): Promise<OnnxTensor>;
}

/** Its processor: of pictures and text together, with the tokenizer and the chat template. */
export interface VisionLanguageProcessor extends OnnxProcessor {
  readonly image_processor?: OnnxProcessor;
  readonly tokenizer: WordTokenizer & ((texts: readonly string[]) => OnnxTensors);
  apply_chat_template(
    messages: readonly object[],
    options: { readonly add_generation_prompt: boolean },
  ): unknown;
}

/** Everything to ask questions with. */
export interface VisionLanguageParts {
  readonly transformers: TransformersModule;
  readonly model: VisionLanguageModel;
  readonly processor: VisionLanguageProcessor;
  /** The arguments of the processor, which differ by family. */
  readonly arrange: (text: string, image: object) => readonly unknown[];
  /** The token that stands for a part of the picture. */
  readonly imageToken: number;
  readonly answers: AnswerTokens;
}

const textFirst = (text: string, image: object): readonly unknown[] => [text, image];
// Without splitting, a picture is one view and not up to 17, which small generated pictures do not need.
const oneView = (text: string, image: object): readonly unknown[] => [
  text,
  [image],
  { do_image_splitting: false },
];
const imageFirst = (text: string, image: object): readonly unknown[] => [image, text];

/** How the processor of each architecture is called. */
const FAMILIES: Readonly<Record<string, VisionLanguageParts['arrange']>> = {
  idefics3: oneView,
  smolvlm: oneView,
  qwen2_vl: textFirst,
  qwen2_5_vl: textFirst,
  llava: imageFirst,
};

/** Architectures (`model_type` in config.json) that can be asked. */
export const VISION_LANGUAGE_TYPES: readonly string[] = Object.keys(FAMILIES);

/**
 * Loads a vision-language model with its processor.
 * @throws BicotError `unsupported` for another architecture, a processor that is not of pictures and text together, or a
 *   tokenizer without yes and no; `checkpoint` if a file is missing or can't be read
 */
export async function loadVisionLanguage(where: string, source: ModelSource): Promise<VisionLanguageParts> {
  const found = await findModel(where, source, VISION_LANGUAGE_TYPES);
  const { AutoModelForImageTextToText, AutoProcessor } = found.transformers;
  const [loaded, loadedProcessor] = await found.load(
    AutoModelForImageTextToText.from_pretrained(found.name, found.options),
    AutoProcessor.from_pretrained(found.name, found.options),
  );
  const model = loaded as VisionLanguageModel;
  const processor = loadedProcessor as VisionLanguageProcessor;
  try {
    const imageToken = model.config.image_token_id ?? model.config.image_token_index;
    const whole =
      typeof processor.tokenizer === 'function' && typeof processor.apply_chat_template === 'function';
    if (!whole || imageToken === undefined || typeof model.encode_image !== 'function') {
      throw new BicotError(
        'unsupported',
        `${where}: ${found.name} has no processor of pictures and text together, or no image token in its config.json. ` +
          "Choose a model whose preprocessor_config.json names the processor_class of its architecture, e.g. 'Idefics3Processor'.",
      );
    }
    resizeOneView(found.transformers, processor.image_processor);
    return {
      transformers: found.transformers,
      model,
      processor,
      arrange: FAMILIES[found.type] as VisionLanguageParts['arrange'],
      imageToken,
      answers: answerTokens(where, processor.tokenizer),
    };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
