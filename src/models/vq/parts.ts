import { type VqDecoderConfig, vqLevels } from './config.js';

/** A convolution, or the gain and shift of a normalisation. */
export interface Affine<T> {
  /** A kernel, in PyTorch `[out, in, height, width]`, or a gain, `[out]`. */
  readonly weight: T;
  /** `[out]`. */
  readonly bias: T;
}

/** Two normalised convolutions beside the identity, or beside a 1×1 convolution where the channels change. */
export interface ResidualBlock<T> {
  /** Before the first convolution; channels that come in. */
  readonly norm1: Affine<T>;
  /** 3×3, to the channels that go out. */
  readonly conv1: Affine<T>;
  /** Before the second convolution; channels that go out. */
  readonly norm2: Affine<T>;
  /** 3×3, as many channels. */
  readonly conv2: Affine<T>;
  /** 1×1; absent where as many channels go out as come in. */
  readonly shortcut?: Affine<T>;
}

/** Attention of one head over all positions. */
export interface AttentionBlock<T> {
  /** Before query, key and value. */
  readonly norm: Affine<T>;
  /** 1×1, as many channels. */
  readonly query: Affine<T>;
  /** 1×1, as many channels. */
  readonly key: Affine<T>;
  /** 1×1, as many channels. */
  readonly value: Affine<T>;
  /** 1×1, of what attention mixed, before it is added to what came in. */
  readonly output: Affine<T>;
}

/** One resolution: residual blocks, each followed by its attention if there is any. */
export interface LevelParts<T> {
  /** One more than `resBlocks`; the first changes the channels. */
  readonly residual: readonly ResidualBlock<T>[];
  /** As many, or none: only the lowest resolution attends. */
  readonly attention: readonly AttentionBlock<T>[];
  /** 3×3 after the side was doubled; absent at the highest resolution. */
  readonly upsample?: Affine<T>;
}

/** What the decoder consists of. */
export interface VqParts<T> {
  /** `[codebookSize, embedding]` */
  readonly codebook: T;
  /** 1×1, from the codebook's width to `latent` channels. */
  readonly postQuantization: Affine<T>;
  /** 3×3, to the channels of the lowest resolution. */
  readonly input: Affine<T>;
  /** At the lowest resolution, its channels kept. */
  readonly middle: {
    /** Before the attention. */
    readonly first: ResidualBlock<T>;
    /** Of all positions to all. */
    readonly attention: AttentionBlock<T>;
    /** After the attention. */
    readonly second: ResidualBlock<T>;
  };
  /** From the lowest resolution to the highest. */
  readonly levels: readonly LevelParts<T>[];
  /** Before the last convolution; channels of the highest resolution. */
  readonly outputNorm: Affine<T>;
  /** 3×3, to red, green and blue. */
  readonly output: Affine<T>;
}

/** A tensor as PyTorch has it. */
export interface NamedShape {
  /** In the layout of the original checkpoints, without the module's prefix. */
  readonly name: string;
  /** PyTorch's: of a kernel `[out, in, height, width]`. */
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
