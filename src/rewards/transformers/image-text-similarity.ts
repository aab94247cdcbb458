import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../../options.js';
import { failure, type RewardFunction, type RewardResult, score } from '../reward.js';
import { throwIfAborted } from './abort.js';
import { toRawImage } from './image.js';
import { type Loaded, lazyModel } from './lazy-model.js';
import { assertModelSource, MODEL_SOURCE_OPTIONS, type ModelSource } from './model-source.js';
import type { OnnxTensors } from './package.js';
import { promptText } from './prompt-text.js';
import { judgePictures, type PicturedSample } from './samples.js';
import { disposeTensors, type Numbers, outputNumbers } from './tensors.js';
import { loadTextImageModel, type TextImageParts } from './text-image-model.js';
import { tokenize } from './tokens.js';

/** Options of `imageTextSimilarity`. */
export interface ImageTextSimilarityOptions<Prompt = unknown> extends ModelSource {
  /** The text that a sample's picture is compared with. Default: the prompt if it is a string, else its `prompt` column. */
  readonly text?: (prompt: Prompt) => string;
  /** How many pictures go through the model at once. Default 16. */
  readonly batchSize?: number;
}

const WHERE = 'imageTextSimilarity';
const TYPES = ['clip', 'siglip', 'chinese_clip'];

interface TwoTowers extends TextImageParts {
  /** SigLIP was trained on texts of one length, and reads their last token. */
  readonly padding: true | 'max_length';
}

/**
 * A reward that says how well the picture fits the text: the cosine, in [−1, 1], between what a model of the CLIP or SigLIP family
 * makes of the two. CLIP's are about 0.15 to 0.35, and differ little within a group: weigh or normalise them. It is also
 * HPSv2's score, given HPSv2.1's weights as a CLIP model in ONNX.
 *
 * The model loads with the first call. A text is embedded once per call, however many samples share it; the signal is obeyed
 * between batches. Samples without a picture abstain, pictures of impossible shapes fail.
 * @param options where the model is: one graph `onnx/model.onnx` with inputs `input_ids`, `pixel_values` and outputs
 *   `text_embeds`, `image_embeds`
 * @returns the reward; who made it disposes it
 * @throws BicotError `value` for options. Its calls throw `unsupported` (no package, another kind of model), `checkpoint` (a file
 *   is missing), `prompt-row` (a prompt has no text), `aborted`
 */
export function imageTextSimilarity<Prompt = unknown>(
  options: ImageTextSimilarityOptions<Prompt>,
): RewardFunction<Prompt> & Loaded {
  assertKnownOptions(WHERE, options, [...MODEL_SOURCE_OPTIONS, 'text', 'batchSize']);
  assertModelSource(WHERE, options);
  const { text = (prompt) => promptText(WHERE, prompt), batchSize = 16 } = options;
  assertNumber(WHERE, 'batchSize', batchSize, POSITIVE_INTEGER);
  const towers = lazyModel(
    WHERE,
    () => load(options),
    ({ model }) => model.dispose(),
  );

  const reward: RewardFunction<Prompt> = (samples, call) =>
    judgePictures(samples, (pictured) => {
      const texts = pictured.map(({ prompt }) => text(prompt));
      throwIfAborted(WHERE, call?.signal);
      return towers.use((model) => compare(model, pictured, texts, batchSize, call?.signal));
    });
  return Object.assign(reward, { dispose: towers.dispose });
}

async function load(source: ModelSource): Promise<TwoTowers> {
  const { parts, type } = await loadTextImageModel(WHERE, source, TYPES, 'AutoModel');
  return { ...parts, padding: type.startsWith('siglip') ? 'max_length' : true };
}

/** One result per sample. All texts go with the first batch of pictures, and one, which is not looked at, with the others. */
async function compare(
  towers: TwoTowers,
  samples: readonly PicturedSample<unknown>[],
  texts: readonly string[],
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<readonly RewardResult[]> {
  const distinct = [...new Set(texts)];
  let embedded: Numbers | undefined;
  const results: RewardResult[] = [];
  for (let begin = 0; begin < samples.length; begin += batchSize) {
    throwIfAborted(WHERE, signal);
    const batch = samples.slice(begin, begin + batchSize);
    const { texts: given, images } = await embed(towers, embedded ? distinct.slice(0, 1) : distinct, batch);
    embedded ??= given;
    for (const [i] of batch.entries()) {
      const row = distinct.indexOf(texts[begin + i] as string);
      results.push(finite(cosine(images, i, embedded, row)));
    }
  }
  return results;
}

async function embed(
  { transformers, model, tokenizer, processor, padding }: TwoTowers,
  texts: readonly string[],
  samples: readonly PicturedSample<unknown>[],
): Promise<{ readonly texts: Numbers; readonly images: Numbers }> {
  let [words, pixels, outputs]: (OnnxTensors | undefined)[] = [];
  try {
    words = tokenize(WHERE, tokenizer, texts, padding);
    pixels = await processor(samples.map(({ image }) => toRawImage(transformers, image)));
    outputs = await model({ ...words, ...pixels });
    return {
      texts: outputNumbers(WHERE, outputs, 'text_embeds', 2),
      images: outputNumbers(WHERE, outputs, 'image_embeds', 2),
    };
  } finally {
    disposeTensors(words, pixels, outputs);
  }
}

/** Of row i of a and row j of b, in float64; whether the model normalised them does not matter. */
function cosine(a: Numbers, i: number, b: Numbers, j: number): number {
  const width = a.dims[1] as number;
  if (b.dims[1] !== width) {
    throw new BicotError(
      'unsupported',
      `${WHERE}: image_embeds are ${width} wide and text_embeds ${b.dims[1]}, but they must be alike. Export the model with its projections.`,
    );
  }
  let [product, squaresA, squaresB] = [0, 0, 0];
  for (let k = 0; k < width; k++) {
    const x = a.data[i * width + k] as number;
    const y = b.data[j * width + k] as number;
    product += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  return product / Math.sqrt(squaresA * squaresB);
}

const finite = (value: number): RewardResult =>
  Number.isFinite(value) ? score(value) : failure('the model gave embeddings that are not finite, or all 0');
