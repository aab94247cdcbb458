import { BicotError } from '../../errors.js';
import type { RgbImage } from '../../policy/policy.js';
import { type ChatPrompt, expand, expansionOf, idsOf } from './chat-prompt.js';
import { toRawImage } from './image.js';
import type { OnnxTensor, OnnxTensors } from './package.js';
import { disposeTensors } from './tensors.js';
import type { VisionLanguageParts } from './vision-language.js';

/** A picture as a model has seen it, to ask several questions about. */
export interface EncodedPicture {
  /** One row for each of the picture's tokens; `dispose` frees it. */
  readonly features: OnnxTensor;
  /** What the decoder must know about the picture's shape. */
  readonly shape: OnnxTensors;
  /** Its tokens; missing if the processor does more to a text than put them in. */
  readonly expansion: readonly number[] | undefined;
  dispose(): void;
}

const process = (
  { transformers, processor, arrange }: VisionLanguageParts,
  image: RgbImage,
  text: string,
): Promise<OnnxTensors> => processor(...arrange(text, toRawImage(transformers, image)));

/**
 * Runs the vision encoder once.
 * @param prompt the first question
 * @returns the caller disposes it
 */
export async function encodePicture(
  parts: VisionLanguageParts,
  image: RgbImage,
  prompt: ChatPrompt,
): Promise<EncodedPicture> {
  const { input_ids, attention_mask, pixel_values, pixel_attention_mask, ...shape } = await process(
    parts,
    image,
    prompt.text,
  );
  try {
    const features = await parts.model.encode_image({ pixel_values, pixel_attention_mask, ...shape });
    const expansion = expansionOf(prompt.ids, idsOf(input_ids), parts.imageToken);
    const dispose = (): void => disposeTensors({ features }, shape);
    return { features, shape, expansion, dispose };
  } catch (error) {
    disposeTensors(shape);
    throw error;
  } finally {
    disposeTensors({ input_ids, attention_mask, pixel_values, pixel_attention_mask });
  }
}

async function promptIds(
  parts: VisionLanguageParts,
  image: RgbImage,
  prompt: ChatPrompt,
  { expansion }: EncodedPicture,
): Promise<readonly number[]> {
  if (expansion) return expand(prompt.ids, expansion, parts.imageToken);
  const inputs = await process(parts, image, prompt.text);
  const ids = idsOf(inputs.input_ids);
  disposeTensors(inputs);
  return ids;
}

type Typed = Float32Array | Uint16Array;

/** Puts the picture's features where its tokens are, as the package does it: `[1, T, width]`, in place. */
function placeFeatures(
  embeddings: OnnxTensor,
  features: OnnxTensor,
  ids: readonly number[],
  imageToken: number,
): void {
  const width = embeddings.dims.at(-1) as number;
  const positions = ids.flatMap((id, at) => (id === imageToken ? [at] : []));
  const rows = features.dims.slice(0, -1).reduce((product, size) => product * size, 1);
  if (rows !== positions.length || features.dims.at(-1) !== width || features.type !== embeddings.type) {
    throw new BicotError(
      'unsupported',
      `vision-language model: the picture has ${rows} features of ${features.dims.at(-1)} ${features.type}, but its prompt has ` +
        `${positions.length} places for it of ${width} ${embeddings.type}. Use files of one export, and embed_tokens and vision_encoder of one type.`,
    );
  }
  const [to, from] = [embeddings.data as Typed, features.data as Typed];
  positions.forEach((at, row) => {
    to.set(from.subarray(row * width, (row + 1) * width), at * width);
  });
}

/** Logits of the last position, `[V]`, as a copy. */
function lastLogits(outputs: OnnxTensors): Float32Array {
  const logits = outputs.logits as (OnnxTensor & { to?(type: string): OnnxTensor }) | undefined;
  const size = logits?.dims.at(-1);
  if (!logits || size === undefined) {
    throw new BicotError(
      'unsupported',
      `vision-language model: it gives ${Object.keys(outputs).join(', ')}, but no logits. Export the decoder with its head.`,
    );
  }
  // Half precision is stored as 16-bit patterns in some engines, as numbers in others.
  const numbers = (logits.type === 'float16' && logits.to ? logits.to('float32') : logits)
    .data as ArrayLike<number>;
  return Float32Array.from({ length: size }, (_, i) => numbers[numbers.length - size + i] as number);
}

/**
 * One forward pass of the decoder over a prompt; nothing is drawn.
 * @returns raw logits of the first new token, `[V]`
 */
export async function firstTokenLogits(
  parts: VisionLanguageParts,
  image: RgbImage,
  prompt: ChatPrompt,
  picture: EncodedPicture,
): Promise<Float32Array> {
  const { Tensor } = parts.transformers;
  const ids = await promptIds(parts, image, prompt, picture);
  const shape = [1, ids.length];
  const inputs: Record<string, OnnxTensor> = {
    input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), shape),
    attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), shape),
    // Decoders that have no such input give the logits of all positions; the package leaves out what they do not know.
    num_logits_to_keep: new Tensor('int64', BigInt64Array.of(1n), []),
  };
  let outputs: OnnxTensors | undefined;
  try {
    const embeddings = await parts.model.encode_text({ input_ids: inputs.input_ids });
    inputs.inputs_embeds = embeddings;
    placeFeatures(embeddings, picture.features, ids, parts.imageToken);
    outputs = await parts.model({ ...picture.shape, ...inputs });
    return lastLogits(outputs);
  } finally {
    disposeTensors(inputs, outputs);
  }
}
