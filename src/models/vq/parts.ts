import { type VqDecoderConfig, vqLevels } from './config.js';

/** A convolution, or the gain and shift of a normalisation. */
export interface Affine<T> {
  readonly weight: T;
  readonly bias: T;
}

/** Two normalised convolutions beside the identity, or beside a 1×1 convolution where the channels change. */
export interface ResidualBlock<T> {
  readonly norm1: Affine<T>;
  readonly conv1: Affine<T>;
  readonly norm2: Affine<T>;
  readonly conv2: Affine<T>;
  readonly shortcut?: Affine<T>;
}

/** Attention of one head over all positions. */
export interface AttentionBlock<T> {
  readonly norm: Affine<T>;
  readonly query: Affine<T>;
  readonly key: Affine<T>;
  readonly value: Affine<T>;
  readonly output: Affine<T>;
}

/** One resolution: residual blocks, each followed by its attention if there is any. */
export interface LevelParts<T> {
  readonly residual: readonly ResidualBlock<T>[];
  readonly attention: readonly AttentionBlock<T>[];
  readonly upsample?: Affine<T>;
}

/** What the decoder consists of. */
export interface VqParts<T> {
  /** `[codebookSize, embedding]` */
  readonly codebook: T;
  readonly postQuantization: Affine<T>;
  readonly input: Affine<T>;
  readonly middle: {
    readonly first: ResidualBlock<T>;
    readonly attention: AttentionBlock<T>;
    readonly second: ResidualBlock<T>;
  };
  /** From the lowest resolution to the highest. */
  readonly levels: readonly LevelParts<T>[];
  readonly outputNorm: Affine<T>;
  readonly output: Affine<T>;
}

/** A tensor as PyTorch has it. */
export interface NamedShape {
  /** In the layout of the original checkpoints, without the module's prefix. */
  readonly name: string;
  readonly shape: readonly number[];
}

/** Makes one part out of a tensor's name and shape. */
type Make<T> = (tensor: NamedShape) => T;

const affine = <T>(make: Make<T>, name: string, weight: readonly number[]): Affine<T> => ({
  weight: make({ name: `${name}.weight`, shape: weight }),
  bias: make({ name: `${name}.bias`, shape: [weight[0] as number] }),
});

function residualBlock<T>(make: Make<T>, name: string, from: number, to: number): ResidualBlock<T> {
  return {
    norm1: affine(make, `${name}.norm1`, [from]),
    conv1: affine(make, `${name}.conv1`, [to, from, 3, 3]),
    norm2: affine(make, `${name}.norm2`, [to]),
    conv2: affine(make, `${name}.conv2`, [to, to, 3, 3]),
    ...(from !== to && { shortcut: affine(make, `${name}.nin_shortcut`, [to, from, 1, 1]) }),
  };
}

function attentionBlock<T>(make: Make<T>, name: string, channels: number): AttentionBlock<T> {
  const square = [channels, channels, 1, 1];
  return {
    norm: affine(make, `${name}.norm`, [channels]),
    query: affine(make, `${name}.q`, square),
    key: affine(make, `${name}.k`, square),
    value: affine(make, `${name}.v`, square),
    output: affine(make, `${name}.proj_out`, square),
  };
}

function levelParts<T>(make: Make<T>, config: VqDecoderConfig, level: number): LevelParts<T> {
  const { from, to, attends, upsamples } = vqLevels(config)[level] as ReturnType<typeof vqLevels>[number];
  const name = `decoder.conv_blocks.${level}`;
  const blocks = Array.from({ length: config.resBlocks + 1 }, (_, j) => j);
  return {
    residual: blocks.map((j) => residualBlock(make, `${name}.res.${j}`, j === 0 ? from : to, to)),
    attention: attends ? blocks.map((j) => attentionBlock(make, `${name}.attn.${j}`, to)) : [],
    ...(upsamples && { upsample: affine(make, `${name}.upsample.conv`, [to, to, 3, 3]) }),
  };
}

/** Makes every part of the decoder; the only place that knows which tensors there are. */
export function assembleVq<T>(config: VqDecoderConfig, make: Make<T>): VqParts<T> {
  const { codebookSize, embedding, latent } = config;
  const levels = vqLevels(config);
  const lowest = levels[0]?.to as number;
  const highest = levels.at(-1)?.to as number;
  return {
    codebook: make({ name: 'quantize.embedding.weight', shape: [codebookSize, embedding] }),
    postQuantization: affine(make, 'post_quant_conv', [latent, embedding, 1, 1]),
    input: affine(make, 'decoder.conv_in', [lowest, latent, 3, 3]),
    middle: {
      first: residualBlock(make, 'decoder.mid.0', lowest, lowest),
      attention: attentionBlock(make, 'decoder.mid.1', lowest),
      second: residualBlock(make, 'decoder.mid.2', lowest, lowest),
    },
    levels: levels.map((_, level) => levelParts(make, config, level)),
    outputNorm: affine(make, 'decoder.norm_out', [highest]),
    output: affine(make, 'decoder.conv_out', [3, highest, 3, 3]),
  };
}
