import { BicotError } from '../../errors.js';

/** Queries, keys and values apart, `[in, out]` each, with the channels of queries and keys as `rotate` wants them. */
export interface QueryKeyValue {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

function assertCount(what: string, values: Float32Array, rows: number, columns: number): void {
  if (values.length !== rows * columns) {
    throw new BicotError(
      'shape',
      `${what}: there are ${values.length} numbers, but [${rows}, ${columns}] has ${rows * columns}.`,
    );
  }
}

/** `[out, in]` to `[in, out]`; channel `c` of what comes out goes to `place(c)`. */
function transposed(
  weight: Float32Array,
  outputs: number,
  inputs: number,
  place: (channel: number) => number,
): Float32Array {
  const result = new Float32Array(weight.length);
  for (let channel = 0; channel < outputs; channel++) {
    const column = place(channel);
    for (let i = 0; i < inputs; i++) {
      result[i * outputs + column] = weight[channel * inputs + i] as number;
    }
  }
  return result;
}

/**
 * A PyTorch matrix as bicot multiplies by it.
 * @param weight `[out, in]`
 * @returns `[in, out]`
 * @throws BicotError `shape`
 */
export function linearWeight(weight: Float32Array, outputs: number, inputs: number): Float32Array {
  assertCount('linearWeight', weight, outputs, inputs);
  return transposed(weight, outputs, inputs, (channel) => channel);
}

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
  assertCount('rotaryWeight', weight, width, width);
  return transposed(weight, width, width, (channel) => halvesChannel(channel, width / heads));
}

/**
 * LlamaGen's fused matrix of attention, taken apart.
 * @param fused `[3d, d]`, PyTorch's: queries, keys and values below each other
 * @param width d
 * @throws BicotError `shape`
 */
export function splitQueryKeyValue(fused: Float32Array, width: number, heads: number): QueryKeyValue {
  assertCount('splitQueryKeyValue', fused, 3 * width, width);
  const part = (index: number): Float32Array =>
    fused.subarray(index * width * width, (index + 1) * width * width);
  return {
    query: rotaryWeight(part(0), width, heads),
    key: rotaryWeight(part(1), width, heads),
    value: linearWeight(part(2), width, width),
  };
}
