import { BicotError } from '../../errors.js';

/** Sizes of a unified text+image transformer. */
export interface TransformerConfig {
  /** Text vocabulary, special tokens included. */
  readonly textVocabulary: number;
  /** Image vocabulary: entries of the image tokenizer's codebook. */
  readonly imageVocabulary: number;
  /** Tokens of one image. */
  readonly imageLength: number;
  /** d, the width of the residual stream. */
  readonly width: number;
  /** Blocks: attention and a SwiGLU each. */
  readonly layers: number;
  /** Attention heads; `width / heads` must be even (rotary embeddings turn pairs). */
  readonly heads: number;
  /** Hidden width of the SwiGLU block. */
  readonly hidden: number;
  /** Text id that ends a plan. */
  readonly endToken: number;
  /** Text ids below this are special; the unconditional branch of guidance keeps only those. */
  readonly specialTokens: number;
  /** Rotary base. */
  readonly ropeTheta: number;
  /** Added to the mean square in every norm. */
  readonly rmsEpsilon: number;
}

/** What must be given; the rest has defaults (`width` 128, `layers` 4, `heads` 4, `hidden` 344, LLaMA's theta and epsilon). */
export type TransformerOptions = Pick<
  TransformerConfig,
  'textVocabulary' | 'imageVocabulary' | 'imageLength' | 'endToken' | 'specialTokens'
> &
  Partial<TransformerConfig>;

/**
 * Fills in defaults and checks the sizes.
 * @throws BicotError `value`
 */
export function transformerConfig(options: TransformerOptions): TransformerConfig {
  const config: TransformerConfig = {
    width: 128,
    layers: 4,
    heads: 4,
    hidden: 344,
    ropeTheta: 10_000,
    rmsEpsilon: 1e-6,
    ...options,
  };
  const wholeNumbers = [
    'textVocabulary',
    'imageVocabulary',
    'imageLength',
    'width',
    'layers',
    'heads',
    'hidden',
  ] as const;
  for (const name of wholeNumbers) {
    if (!Number.isInteger(config[name]) || config[name] < 1) {
      throw new BicotError(
        'value',
        `transformerConfig: ${name} is ${config[name]}; a positive whole number is needed.`,
      );
    }
  }
  if (config.width % config.heads !== 0 || (config.width / config.heads) % 2 !== 0) {
    throw new BicotError(
      'value',
      `transformerConfig: width ${config.width} over ${config.heads} heads gives ${config.width / config.heads} channels a head; an even whole number is needed.`,
    );
  }
  if (config.endToken < 0 || config.endToken >= config.textVocabulary) {
    throw new BicotError(
      'token-range',
      `transformerConfig: endToken ${config.endToken} is outside the text vocabulary [0, ${config.textVocabulary}).`,
    );
  }
  return config;
}
