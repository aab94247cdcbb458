import { BicotError } from '../../errors.js';

/**
 * Where a channel of LlamaGen's queries and keys stands in bicot's. There, rotary embeddings turn neighbours, `2i` and
 * `2i + 1`; `rotate` turns `i` and `i + D/2`. Scores are sums over channels, so their order does not matter as long as
 * queries and keys share it.
 * @param channel of all heads side by side
 * @param size D, channels of a head
 */
export function halvesChannel(channel: number, size: number): number {
  const within = channel % size;
  return channel - within + (within >> 1) + (within & 1) * (size / 2);
}

/**
 * A matrix that makes queries or keys, for rotary embeddings that turn halves.
 * @param weight `[d, d]`: PyTorch's, for rotary embeddings that turn neighbours
 * @param width d
 * @returns `[in, out]`
 * @throws BicotError `shape`
 */
export function rotaryWeight(weight: Float32Array, width: number, heads: number): Float32Array {
  if (weight.length !== width * width) {
    throw new BicotError(
      'shape',
      `rotaryWeight: there are ${weight.length} numbers, but [${width}, ${width}] has ${width * width}.`,
    );
  }
  const size = width / heads;
  const result = new Float32Array(weight.length);
  for (let channel = 0; channel < width; channel++) {
    const column = halvesChannel(channel, size);
    for (let i = 0; i < width; i++) {
      result[i * width + column] = weight[channel * width + i] as number;
    }
  }
  return result;
}
