import { readFileSync } from 'node:fs';
import type { WritableFolder } from '../../src/models/checkpoints/folder.js';
import { memoryFolder } from '../../src/models/checkpoints/memory-folder.js';
import { type LlamaGenConfig, llamaGenConfig } from '../../src/models/llamagen/config.js';
import { llamaGenShapes } from '../../src/models/llamagen/names.js';
import { encodeSafetensors, type HostTensor } from '../../src/models/safetensors.js';
import { vqParameterShapes } from '../../src/models/vq/names.js';
import { deterministicWeights, VQ_PREFIX } from './tiny-janus.js';
import { vqReference } from './vq.js';

/** A sample of a fixture, with what `test/reference/llamagen.py` says about it. */
export interface LlamaGenSample {
  readonly label?: number;
  /** `[length, features]`, as long as the caption. */
  readonly features?: readonly (readonly number[])[];
  /** `[grid²]` */
  readonly tokens: readonly number[];
  /** `[grid²]`, given the condition. */
  readonly logProbs: readonly number[];
  readonly unconditionalLogProbs: readonly number[];
  /** Under `unconditional + scale · (conditional − unconditional)`. */
  readonly guidedLogProbs: readonly number[];
  /** `[V]`: what predicts the first token. */
  readonly firstLogits: {
    readonly conditional: readonly number[];
    readonly unconditional: readonly number[];
  };
  /** The likeliest tokens under guidance, and the smallest distance of logits between first and second. */
  readonly greedy: { readonly tokens: readonly number[]; readonly smallestMargin: number };
}

/** Values of the tiny LlamaGens; see `test/reference/llamagen.py`. */
export interface LlamaGenFixture {
  readonly config: LlamaGenConfig;
  /** The file with the weights, in `test/fixtures/llamagen`. */
  readonly checkpoint: string;
  /** Of guidance. */
  readonly scale: number;
  readonly weights: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly first: readonly number[] }>
  >;
  /** `[grid², D/2]` each. */
  readonly turns: {
    readonly cos: readonly (readonly number[])[];
    readonly sin: readonly (readonly number[])[];
  };
  readonly samples: readonly LlamaGenSample[];
  /** `[grid², d]`, of sample 0. */
  readonly hidden: { readonly values: readonly (readonly number[])[] };
  /** `[H, S, S]`, of sample 0 in layer 0. */
  readonly scores: { readonly values: readonly (readonly (readonly number[])[])[] };
  /** Of the summed log-probs of all samples. */
  readonly gradients: Readonly<Record<string, { readonly norm: number; readonly first: readonly number[] }>>;
}

/** The fixture of the class- or the text-conditional one. */
export function llamaGenFixture(kind: 'class' | 'text'): LlamaGenFixture {
  const url = new URL(`../fixtures/llamagen/${kind}.json`, import.meta.url);
  const fixture = JSON.parse(readFileSync(url, 'utf8')) as LlamaGenFixture;
  return { ...fixture, config: llamaGenConfig(fixture.config) };
}

/** The nearest bfloat16, ties to even. */
function bfloat16(values: Float32Array): Float32Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = words.map((word) => (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000);
  return new Float32Array(rounded.buffer);
}

/** The weights that a fixture's checkpoint holds, made from their names: PyTorch's shapes. */
export function tinyLlamaGenWeights(config: LlamaGenConfig): Map<string, Float32Array> {
  const shapes = [...llamaGenShapes(config)];
  return new Map(shapes.map(([name, shape]) => [name, bfloat16(deterministicWeights(name, shape))]));
}

/** The file of a fixture's weights, as PyTorch wrote it. */
export const llamaGenFile = (name: 'class.pt' | 'text.pt'): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/llamagen/${name}`, import.meta.url)));

const float = (shape: readonly number[], data: Float32Array): HostTensor => ({ dtype: 'F32', shape, data });

/** The tensors of the image tokenizer of `vqReference('tiny')`, as published files have them: with the encoder's beside. */
export function tinyTokenizerTensors(prefix = ''): Record<string, HostTensor> {
  const decoder = vqParameterShapes(vqReference('tiny').config).map(
    ({ name, shape }) =>
      [prefix + name, float(shape, deterministicWeights(VQ_PREFIX + name, shape))] as const,
  );
  return {
    ...Object.fromEntries(decoder),
    [`${prefix}encoder.conv_in.bias`]: float([2], new Float32Array(2)),
    [`${prefix}quant_conv.bias`]: float([2], new Float32Array(2)),
    [`${prefix}quantize.codebook_used`]: float([4], new Float32Array(4)),
  };
}

/** The transformer's weights under their published names. */
export function tinyTransformerTensors(config: LlamaGenConfig, prefix = ''): Record<string, HostTensor> {
  const shapes = llamaGenShapes(config);
  return Object.fromEntries(
    [...tinyLlamaGenWeights(config)].map(([name, data]) => [
      prefix + name,
      float(shapes.get(name) as readonly number[], data),
    ]),
  );
}

/** A folder as published files make one: a transformer, by PyTorch, and the image tokenizer. */
export function tinyLlamaGenFolder(kind: 'class' | 'text'): WritableFolder {
  return memoryFolder({
    [kind === 'class' ? 'c2i_tiny_16.pt' : 't2i_tiny_16.pt']: llamaGenFile(`${kind}.pt`),
    'vq_ds4.safetensors': encodeSafetensors(tinyTokenizerTensors()),
  });
}
