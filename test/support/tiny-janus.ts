import { readFileSync } from 'node:fs';

/** A Janus-Pro so small that a test can compute with it: every kind of layer, 867,427 numbers, 173 tensors. */
export const TINY_JANUS = {
  language: {
    vocabulary: 320,
    width: 32,
    hidden: 64,
    layers: 2,
    heads: 4,
    keyValueHeads: 4,
    maxPositions: 256,
    rmsEpsilon: 1e-6,
    ropeTheta: 10_000,
  },
  image: { vocabulary: 64, embedding: 8, grid: 4, length: 16, side: 16 },
  vq: {
    codebookSize: 64,
    embedding: 8,
    channels: 32,
    multipliers: [1, 2, 2],
    resBlocks: 2,
    latent: 32,
    groups: 32,
    grid: 4,
  },
  ids: { bos: 1, eos: 2, pad: 3, beginImage: 4, endImage: 5 },
} as const;

/** The prefix of the image decoder's tensors in the original layout. */
export const VQ_PREFIX = 'gen_vision_model.';

/** A tensor as the original checkpoints name and lay it out. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

interface TinyWeights {
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly first_values: Readonly<Record<string, readonly number[]>>;
}

/** Names, shapes and a few values that the original implementation has at these sizes. */
export const TINY_WEIGHTS: TinyWeights = JSON.parse(
  readFileSync(new URL('../fixtures/janus/tiny-weights.json', import.meta.url), 'utf8'),
);

/** All tensors of the tiny Janus in the original layout, PyTorch's shapes; without the encoders, which nobody reads. */
export function tinyJanusShapes(): NamedShape[] {
  return Object.entries(TINY_WEIGHTS.tensors).map(([name, shape]) => ({ name, shape }));
}

/** FNV-1a, 32 bits, of a name's UTF-8 bytes. */
function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Tables of embeddings, which are not scaled by their width. */
const TABLES = [
  'language_model.model.embed_tokens',
  'gen_embed',
  'gen_vision_model.quantize.embedding',
  // LlamaGen's; the last is the owner of `uncond_embedding`.
  'tok_embeddings',
  'cls_embedding.embedding_table',
  'cls_embedding',
];

/** A tensor's numbers are `offset + factor · r`, with `r` in `[-1, 1)`. */
function scaling(
  name: string,
  shape: readonly number[],
): { readonly offset: number; readonly factor: number } {
  const owner = name.slice(0, name.lastIndexOf('.'));
  if (name.endsWith('.bias')) return { offset: 0, factor: 0.1 };
  if ((owner.split('.').at(-1) as string).includes('norm')) return { offset: 1, factor: 0.1 };
  if (TABLES.includes(owner)) return { offset: 0, factor: 1 };
  return { offset: 0, factor: Math.sqrt(3 / shape.slice(1).reduce((product, size) => product * size, 1)) };
}

/**
 * The numbers that a tensor of this name has in tests, here and in `test/reference`: nothing but the name and the shape
 * decides them, so that no file of weights is needed. In PyTorch's order of rows.
 * @param name with its prefix, in the original layout
 */
export function deterministicWeights(name: string, shape: readonly number[]): Float32Array {
  return deterministicPart(
    name,
    shape,
    0,
    shape.reduce((product, size) => product * size, 1),
  );
}

/** The numbers `[begin, end)` of `deterministicWeights`, made without those before them. */
export function deterministicPart(
  name: string,
  shape: readonly number[],
  begin: number,
  end: number,
): Float32Array {
  const { offset, factor } = scaling(name, shape);
  const values = new Float32Array(end - begin);
  // mulberry32, whose state is a multiple of the place in the stream.
  let state = (fnv1a(name) + Math.imul(begin, 0x6d2b79f5)) | 0;
  for (let i = 0; i < values.length; i++) {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    values[i] = offset + factor * (((t ^ (t >>> 14)) >>> 0) * 2 ** -31 - 1);
  }
  return values;
}
