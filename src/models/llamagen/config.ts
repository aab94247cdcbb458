import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, POSITIVE } from '../../options.js';

/** What a LlamaGen is conditioned on. */
export type LlamaGenCondition =
  /** One of some classes: one token. */
  | {
      /** Contexts are numbers of classes. */
      readonly kind: 'class';
      /** How many there are: `[0, classes)`. */
      readonly classes: number;
    }
  /** A caption, as the features `[length, features]` of a text encoder: as many tokens as the caption has, `length` at most. */
  | {
      /** Contexts are captions. */
      readonly kind: 'text';
      /** Width of a feature, as the text encoder gives it. */
      readonly features: number;
      /** The most tokens of a caption. */
      readonly length: number;
    };

/** Sizes of a LlamaGen, a LLaMA of image tokens (Sun et al. 2024, arXiv 2406.06525). */
export interface LlamaGenConfig {
  /** d, the width of the residual stream. */
  readonly width: number;
  /** Blocks: attention and a gated layer each. */
  readonly layers: number;
  /** Attention heads; `width / heads` must be a multiple of 4 (pairs of channels turn by row or by column). */
  readonly heads: number;
  /** Hidden width of the SwiGLU block. */
  readonly hidden: number;
  /** Entries of the image tokenizer's codebook. */
  readonly vocabulary: number;
  /** Image tokens in a row and in a column: an image has `grid²`. */
  readonly grid: number;
  /** What stands before the image's tokens. */
  readonly condition: LlamaGenCondition;
  /** Rotary base. */
  readonly ropeTheta: number;
  /** Added to the mean square in every norm. */
  readonly rmsEpsilon: number;
}

/** The sizes that the published code names; checkpoints were published of B, L, XL, XXL and 3B. */
export const LLAMAGEN_SIZES = {
  /** 0.11 billion weights: the blocks and 16 384 image tokens, without the condition. */
  'GPT-B': { width: 768, layers: 12, heads: 12 },
  /** 0.34 billion weights. */
  'GPT-L': { width: 1024, layers: 24, heads: 16 },
  /** 0.77 billion weights. */
  'GPT-XL': { width: 1280, layers: 36, heads: 20 },
  /** 1.4 billion weights. */
  'GPT-XXL': { width: 1536, layers: 48, heads: 24 },
  /** 3.9 billion weights. */
  'GPT-XXXL': { width: 2560, layers: 48, heads: 40 },
  /** 1.2 billion weights. */
  'GPT-1B': { width: 2048, layers: 22, heads: 32 },
  /** 3.1 billion weights. */
  'GPT-3B': { width: 3200, layers: 24, heads: 32 },
  /** 6.6 billion weights. */
  'GPT-7B': { width: 4096, layers: 32, heads: 32 },
} as const satisfies Record<string, Pick<LlamaGenConfig, 'width' | 'layers' | 'heads'>>;

/** Name of a published size. */
export type LlamaGenSize = keyof typeof LLAMAGEN_SIZES;

/** The condition of the published class-conditional checkpoints: ImageNet's classes. */
export const LLAMAGEN_CLASSES: LlamaGenCondition = { kind: 'class', classes: 1000 };

/** The condition of the published text-conditional checkpoints: features of flan-t5-xl. */
export const LLAMAGEN_CAPTIONS: LlamaGenCondition = { kind: 'text', features: 2048, length: 120 };

/**
 * What must be given: `grid` and `condition`, and either `size` or `width`, `layers` and `heads`. The rest has the
 * published defaults: `hidden` by `llamaGenHidden`, 16384 tokens, theta 10000, epsilon 1e-5.
 */
export type LlamaGenOptions = Pick<LlamaGenConfig, 'grid' | 'condition'> &
  Partial<LlamaGenConfig> & {
    /** A published size. What is given beside it wins. */
    readonly size?: LlamaGenSize;
  };

const OPTIONS: readonly (keyof LlamaGenOptions)[] = [
  ...(['size', 'width', 'layers', 'heads', 'hidden', 'vocabulary', 'grid', 'condition'] as const),
  ...(['ropeTheta', 'rmsEpsilon'] as const),
];

/** The published hidden width: two thirds of 4d, rounded down, then up to a multiple of `multipleOf`. */
export function llamaGenHidden(width: number, multipleOf = 256): number {
  return Math.ceil(Math.floor((8 * width) / 3) / multipleOf) * multipleOf;
}

/** The most tokens that stand before the image: 1 of a class, `length` of a caption. */
export function conditionLength({ condition }: Pick<LlamaGenConfig, 'condition'>): number {
  return condition.kind === 'class' ? 1 : condition.length;
}

/**
 * Fills in defaults and checks the sizes.
 * @throws BicotError `value`
 */
export function llamaGenConfig(options: LlamaGenOptions): LlamaGenConfig {
  assertKnownOptions('llamaGenConfig', options, OPTIONS);
  const { size, ...given } = options;
  if (size !== undefined && !Object.hasOwn(LLAMAGEN_SIZES, size)) {
    fail(`size is ${JSON.stringify(size)}; it must be one of ${Object.keys(LLAMAGEN_SIZES).join(', ')}`);
  }
  const { width, layers, heads } = { ...(size && LLAMAGEN_SIZES[size]), ...given };
  if (width === undefined || layers === undefined || heads === undefined) {
    fail('neither a size nor width, layers and heads are given; give one or the other');
  }
  const config: LlamaGenConfig = {
    ...{ vocabulary: 16_384, ropeTheta: 10_000, rmsEpsilon: 1e-5, hidden: llamaGenHidden(width) },
    ...given,
    ...{ width, layers, heads },
  };
  check(config);
  return config;
}

function check(config: LlamaGenConfig): void {
  const { width, layers, heads, hidden, vocabulary, grid, condition } = config;
  const conditionSizes =
    condition.kind === 'class'
      ? { classes: condition.classes }
      : { features: condition.features, length: condition.length };
  const sizes = { width, layers, heads, hidden, vocabulary, grid, ...conditionSizes };
  for (const [name, value] of Object.entries(sizes)) {
    if (!Number.isInteger(value) || value < 1) fail(`${name} is ${value}; a positive whole number is needed`);
  }
  assertNumber('llamaGenConfig', 'ropeTheta', config.ropeTheta, POSITIVE);
  assertNumber('llamaGenConfig', 'rmsEpsilon', config.rmsEpsilon, POSITIVE);
  if (width % heads !== 0 || (width / heads) % 4 !== 0) {
    fail(
      `width ${width} over ${heads} heads gives ${width / heads} channels a head; a multiple of 4 is needed, since half of them turn by the row and half by the column`,
    );
  }
}

function fail(what: string): never {
  throw new BicotError('value', `llamaGenConfig: ${what}.`);
}
