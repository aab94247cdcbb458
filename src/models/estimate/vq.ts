import { type VqDecoderConfig, vqImageSide, vqLevels } from '../vq/config.js';
import { vqParameterShapes } from '../vq/names.js';

/** Numbers in the decoder of image tokens. */
export function vqParameterCount(config: VqDecoderConfig): number {
  return vqParameterShapes(config).reduce(
    (sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1),
    0,
  );
}

/** Multiplications and additions of decoding one image: its convolutions and its attention. */
export function vqDecodeFlops(config: VqDecoderConfig): number {
  const { grid, embedding, latent, resBlocks } = config;
  const levels = vqLevels(config);
  const lowest = levels[0]?.to ?? 0;
  const highest = levels.at(-1)?.to ?? 0;
  const convolution = (side: number, from: number, to: number, kernel: number) =>
    2 * side ** 2 * kernel ** 2 * from * to;
  const residual = (side: number, from: number, to: number) =>
    convolution(side, from, to, 3) +
    convolution(side, to, to, 3) +
    (from === to ? 0 : convolution(side, from, to, 1));
  const attention = (side: number, channels: number) =>
    4 * convolution(side, channels, channels, 1) + 4 * side ** 4 * channels;
  const start =
    convolution(grid, embedding, latent, 1) +
    convolution(grid, latent, lowest, 3) +
    2 * residual(grid, lowest, lowest) +
    attention(grid, lowest);
  const middle = levels.reduce((sum, { from, to, side, attends, upsamples }) => {
    const blocks = residual(side, from, to) + resBlocks * residual(side, to, to);
    const attended = attends ? (resBlocks + 1) * attention(side, to) : 0;
    return sum + blocks + attended + (upsamples ? convolution(2 * side, to, to, 3) : 0);
  }, 0);
  return start + middle + convolution(vqImageSide(config), highest, 3, 3);
}

/** Bytes of the feature maps that are there at once: four of the largest. */
export function vqDecodeBytes(config: VqDecoderConfig): number {
  const largest = vqLevels(config).reduce(
    (most, { from, to, side, upsamples }) =>
      Math.max(most, side ** 2 * Math.max(from, to), upsamples ? 4 * side ** 2 * to : 0),
    0,
  );
  return 4 * 4 * largest;
}
