import { blocksAgain } from './memory.js';
import { languageParameters, type ModelSizes } from './sizes.js';
import { vqDecodeFlops } from './vq.js';

/** One training step, as far as arithmetic depends on it. */
export interface StepPlan {
  /** Prompts times group size. */
  readonly samples: number;
  /** G: the prompt of a group is computed once. */
  readonly groupSize: number;
  /** Of adapters; 0 trains the whole language model. */
  readonly rank: number;
  /** Whether images are sampled with guidance, which decodes a second row beside each. */
  readonly guidance: boolean;
  /** Tokens of a planning prompt. */
  readonly promptTokens: number;
  /** Tokens of a plan; 0 without plans. */
  readonly planTokens: number;
  /** Tokens of what an image is conditioned on. */
  readonly contextTokens: number;
  /** Whether blocks are computed again, or how many of them. */
  readonly checkpointing: boolean | number;
  /** Whether the KL penalty scores all samples a second time. */
  readonly reference: boolean;
}

/** Multiplications and additions of a step, two for each product that is added. */
export interface StepFlops {
  /** Prompts and plans that are decoded. */
  readonly plans: number;
  /** Image tokens that are decoded, with their unconditional twins under guidance. */
  readonly images: number;
  /** Image tokens that are made pictures. */
  readonly pixels: number;
  /** The reference's scores; 0 without one. */
  readonly reference: number;
  /** One update: forward, backward, and blocks that are computed again. */
  readonly update: number;
  /** All of these together. */
  readonly total: number;
}

/** What a step computes: the products of matrices, attention and convolutions. */
export function estimateFlops(sizes: ModelSizes, plan: StepPlan): StepFlops {
  const { samples, groupSize, promptTokens, planTokens, contextTokens } = plan;
  const { imageLength, textVocabulary, width } = sizes;
  const textHead = 2 * textVocabulary * width;
  const layers = (tokens: number, after = 0) => tokens * layerFlops(sizes, after + tokens / 2);
  const plans =
    planTokens === 0
      ? 0
      : (samples / groupSize) * layers(promptTokens) +
        samples * (layers(planTokens, promptTokens) + planTokens * textHead);
  const branches = plan.guidance ? 2 : 1;
  const images =
    samples * branches * (layers(contextTokens + imageLength) + imageLength * sizes.imageHeadFlops);
  const forward =
    samples *
    ((planTokens === 0 ? 0 : layers(promptTokens + planTokens) + planTokens * textHead) +
      layers(contextTokens + imageLength) +
      imageLength * sizes.imageHeadFlops);
  // A block that is computed again leaves out its last product, whose value nobody needs a second time.
  const share = blocksAgain(plan.checkpointing, sizes.layers) / sizes.layers;
  const once = (tokens: number) => layers(tokens) - tokens * 2 * sizes.layers * width * sizes.hidden;
  const again =
    samples *
    share *
    ((planTokens === 0 ? 0 : once(promptTokens + planTokens)) + once(contextTokens + imageLength));
  // A backward pass computes the gradients of inputs, and of weights where they are trained; each is one forward's work.
  const update = forward * (1 + 1 + (plan.rank > 0 ? 0 : 1)) + again;
  const reference = plan.reference ? forward : 0;
  const pixels = samples * vqDecodeFlops(sizes.decoder);
  return { plans, images, pixels, reference, update, total: plans + images + pixels + reference + update };
}

/** Of one token through all blocks, with so many tokens to attend to. */
export function layerFlops(sizes: ModelSizes, attended: number): number {
  const { layers, width, textVocabulary } = sizes;
  const matrices = languageParameters(sizes) - 2 * textVocabulary * width - width - 2 * width * layers;
  return 2 * matrices + layers * 4 * width * attended;
}
