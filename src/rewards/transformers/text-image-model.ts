import { findModel, type ModelSource } from './model-source.js';
import type { OnnxModel, OnnxProcessor, OnnxTokenizer, TransformersModule } from './package.js';
import { resizeAsPil } from './resize-as-pil.js';

/** A model of texts and pictures, with what prepares each of them. */
export interface TextImageParts {
  /** The package that it comes from. */
  readonly transformers: TransformersModule;
  /** Takes both. */
  readonly model: OnnxModel;
  /** Prepares texts. */
  readonly tokenizer: OnnxTokenizer;
  /** Prepares pictures; resizes them as the published models' does. */
  readonly processor: OnnxProcessor;
}

/**
 * Loads a model of texts and pictures.
 * @param types architectures (`model_type`) that will do
 * @param loader the class of transformers.js that loads it
 * @returns the parts, whose model the caller disposes, and which of the architectures it is
 * @throws BicotError as `findModel`; `checkpoint` if a part is missing or can't be read
 */
export async function loadTextImageModel(
  where: string,
  source: ModelSource,
  types: readonly string[],
  loader: 'AutoModel' | 'AutoModelForZeroShotObjectDetection',
): Promise<{ readonly parts: TextImageParts; readonly type: string }> {
  const { transformers, name, options, type, load } = await findModel(where, source, types);
  const [model, tokenizer, processor] = await load(
    transformers[loader].from_pretrained(name, options),
    transformers.AutoTokenizer.from_pretrained(name, options),
    transformers.AutoImageProcessor.from_pretrained(name, options),
  );
  resizeAsPil(transformers, processor);
  return { parts: { transformers, model, tokenizer, processor }, type };
}
