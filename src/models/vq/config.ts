import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';

/** Sizes of the decoder of a VQ image tokenizer, as LlamaGen and Janus have it. */
export interface VqDecoderConfig {
  /** Entries of the codebook: image token ids are `[0, codebookSize)`. */
  readonly codebookSize: number;
  /** Width of an entry. */
  readonly embedding: number;
  /** Channels at full resolution. */
  readonly channels: number;
  /** How many times as many channels each resolution has, from the highest to the lowest. */
  readonly multipliers: readonly number[];
  /** Residual blocks of a resolution, but for one that the decoder adds. */
  readonly resBlocks: number;
  /** Channels that enter the decoder. */
  readonly latent: number;
  /** Groups of channels that are normalised together. */
  readonly groups: number;
  /** Tokens along each side of a picture. */
  readonly grid: number;
}

/** VQ-16, which Janus-Pro and LlamaGen use: 24 × 24 tokens are a picture of 384 × 384 pixels. */
const VQ_16: VqDecoderConfig = {
  codebookSize: 16_384,
  embedding: 8,
  channels: 128,
  multipliers: [1, 1, 2, 2, 4],
  resBlocks: 2,
  latent: 256,
  groups: 32,
  grid: 24,
};

/** The most bytes of one feature map: a few of them are alive at a time, and wasm has 4 GB. */
const MAX_BYTES = 2 ** 30;

/** What one resolution of the decoder consists of, the lowest first. */
export interface VqLevel {
  /** Channels that come in, and that its residual blocks give. */
  readonly from: number;
  readonly to: number;
  /** Side of its feature maps. */
  readonly side: number;
  /** Only the lowest attends. */
  readonly attends: boolean;
  /** All but the highest end in maps of twice the side. */
  readonly upsamples: boolean;
}

/**
 * Fills in the sizes of VQ-16 and checks them.
 * @throws BicotError `value`
 */
export function vqDecoderConfig(options: Partial<VqDecoderConfig> = {}): VqDecoderConfig {
  assertKnownOptions('vqDecoderConfig', options, Object.keys(VQ_16));
  const config = { ...VQ_16, ...options };
  const { multipliers, channels, groups } = config;
  if (!Array.isArray(multipliers) || multipliers.length === 0) {
    throw new BicotError(
      'value',
      `vqDecoderConfig: multipliers is ${JSON.stringify(multipliers)}; a list of a whole number for each resolution is needed, such as [1, 1, 2, 2, 4].`,
    );
  }
  for (const [name, value] of Object.entries(config)) {
    for (const number of name === 'multipliers' ? multipliers : [value as number]) {
      if (Number.isSafeInteger(number) && number > 0) continue;
      throw new BicotError(
        'value',
        `vqDecoderConfig: ${name} has ${String(number)}; a positive whole number is needed.`,
      );
    }
  }
  for (const multiplier of multipliers) {
    if ((channels * multiplier) % groups === 0) continue;
    throw new BicotError(
      'value',
      `vqDecoderConfig: ${channels} · ${multiplier} channels can't be parted into ${groups} equal groups. Make channels a multiple of groups.`,
    );
  }
  assertComputable(config);
  return config;
}

/** Pictures that no machine could decode are refused here, not after the weights were loaded. */
function assertComputable(config: VqDecoderConfig): void {
  const { grid, codebookSize, embedding } = config;
  // A level's first convolution sees what came in, upsampled.
  const maps = vqLevels(config).map(({ side, from, to }) => side * side * Math.max(from, to));
  const largest = 4 * Math.max(...maps, grid ** 4, codebookSize * embedding);
  if (largest <= MAX_BYTES) return;
  throw new BicotError(
    'value',
    `vqDecoderConfig: with these sizes a single tensor takes ${(largest / 1e9).toPrecision(3)} GB; at most ${(MAX_BYTES / 1e9).toPrecision(3)} GB can be computed with. Check grid (${grid}), channels (${config.channels}) and multipliers (${config.multipliers.join(', ')}).`,
  );
}

/** The side of a picture in pixels. */
export function vqImageSide({ grid, multipliers }: VqDecoderConfig): number {
  return grid * 2 ** (multipliers.length - 1);
}

/** The decoder's resolutions, in the order they are computed. */
export function vqLevels({ channels, multipliers, grid }: VqDecoderConfig): VqLevel[] {
  const widths = [...multipliers].reverse().map((multiplier) => channels * multiplier);
  return widths.map((to, level) => ({
    from: widths[Math.max(level - 1, 0)] as number,
    to,
    side: grid * 2 ** level,
    attends: level === 0,
    upsamples: level < widths.length - 1,
  }));
}
