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
  assertSquare('rotaryWeight', weight, width);
  const result = new Float32Array(weight.length);
  eachPlace(width, heads, (published, ours) => {
    result[ours] = weight[published] as number;
  });
  return result;
}

/**
 * What `rotaryWeight` was given, from what it gave.
 * @param weight `[in, out]`: for rotary embeddings that turn halves
 * @param width d
 * @returns `[d, d]`: PyTorch's, for rotary embeddings that turn neighbours
 * @throws BicotError `shape`
 */
export function publishedRotaryWeight(weight: Float32Array, width: number, heads: number): Float32Array {
  assertSquare('publishedRotaryWeight', weight, width);
  const result = new Float32Array(weight.length);
  eachPlace(width, heads, (published, ours) => {
    result[published] = weight[ours] as number;
  });
  return result;
}

/** Where each weight lies in PyTorch's `[out, in]` of neighbours, and in `[in, out]` of halves. */
function eachPlace(width: number, heads: number, visit: (published: number, ours: number) => void): void {
  for (let channel = 0; channel < width; channel++) {
    const column = halvesChannel(channel, width / heads);
    for (let i = 0; i < width; i++) visit(channel * width + i, i * width + column);
  }
}

function assertSquare(where: string, weight: Float32Array, width: number): void {
  if (weight.length === width * width) return;
  throw new BicotError(
    'shape',
    `${where}: there are ${weight.length} numbers, but [${width}, ${width}] has ${width * width}.`,
  );
}
