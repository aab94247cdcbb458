import { hfVqName, vqParameterShapes } from '../vq/names.js';
import type { JanusConfig, JanusLayout } from './config.js';

/** A tensor as DeepSeek's checkpoints name it, with PyTorch's shape (`[out, in]` for a matrix). */
export interface JanusTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Of DeepSeek's names, those of the image decoder. */
export const VQ_PREFIX = 'gen_vision_model.';

/** The path of the language model's block `layer`. */
export const blockPath = (layer: number): string => `language_model.model.layers.${layer}`;

/** The matrices of a block by the module that holds them, `[out, in]` as multiples of the widths. */
export const BLOCK_MATRICES = {
  query: 'self_attn.q_proj',
  key: 'self_attn.k_proj',
  value: 'self_attn.v_proj',
  output: 'self_attn.o_proj',
  gate: 'mlp.gate_proj',
  up: 'mlp.up_proj',
  down: 'mlp.down_proj',
} as const;

/** The norms of a block by the module that holds them. */
export const BLOCK_NORMS = {
  attentionNorm: 'input_layernorm',
  mlpNorm: 'post_attention_layernorm',
} as const;

/** Everything that planning and drawing need, in DeepSeek's names and order. */
export function janusTensors(config: JanusConfig): JanusTensor[] {
  const { vocabulary, width, hidden, layers } = config.language;
  const { image } = config;
  const tensor = (name: string, ...shape: number[]): JanusTensor => ({ name, shape });
  const wide = { gate: [hidden, width], up: [hidden, width], down: [width, hidden] };
  const blocks = Array.from({ length: layers }, (_, layer) => [
    ...Object.values(BLOCK_NORMS).map((norm) => tensor(`${blockPath(layer)}.${norm}.weight`, width)),
    ...Object.entries(BLOCK_MATRICES).map(([key, module]) =>
      tensor(`${blockPath(layer)}.${module}.weight`, ...(wide[key as keyof typeof wide] ?? [width, width])),
    ),
  ]).flat();
  return [
    tensor('language_model.model.embed_tokens.weight', vocabulary, width),
    ...blocks,
    tensor('language_model.model.norm.weight', width),
    tensor('language_model.lm_head.weight', vocabulary, width),
    tensor('gen_embed.weight', image.vocabulary, image.embedding),
    tensor('gen_aligner.layers.0.weight', width, image.embedding),
    tensor('gen_aligner.layers.0.bias', width),
    tensor('gen_aligner.layers.2.weight', width, width),
    tensor('gen_aligner.layers.2.bias', width),
    tensor('gen_head.output_mlp_projector.weight', width, width),
    tensor('gen_head.output_mlp_projector.bias', width),
    tensor('gen_head.vision_head.weight', image.vocabulary, width),
    tensor('gen_head.vision_head.bias', image.vocabulary),
    ...vqParameterShapes(config.vq).map(({ name, shape }) => tensor(VQ_PREFIX + name, ...shape)),
  ];
}

/** Prefixes of DeepSeek's names and what Hugging Face's port calls them; the first that fits counts. */
const PORT_PREFIXES: readonly (readonly [original: string, port: string])[] = [
  ['language_model.lm_head.', 'lm_head.'],
  ['language_model.model.', 'model.language_model.'],
  ['gen_embed.', 'model.generation_embeddings.'],
  ['gen_aligner.layers.0.', 'model.generation_aligner.fc1.'],
  ['gen_aligner.layers.2.', 'model.generation_aligner.hidden_layers.0.'],
  ['gen_head.output_mlp_projector.', 'model.generation_head.proj_out.'],
  ['gen_head.', 'model.generation_head.'],
];

/** A tensor's (or, with the dot left out, a module's) name in a layout. */
export function layoutName(name: string, layout: JanusLayout): string {
  if (layout === 'original') return name;
  if (name.startsWith(VQ_PREFIX)) return `model.vqmodel.${hfVqName(name.slice(VQ_PREFIX.length))}`;
  for (const [original, port] of PORT_PREFIXES) {
    if (name.startsWith(original)) return port + name.slice(original.length);
  }
  return name;
}

/** Which layout a checkpoint has, by the names in it; undefined for one that is not Janus. */
export function layoutOf(names: Iterable<string>): JanusLayout | undefined {
  for (const name of names) {
    if (name.startsWith('model.language_model.') || name.startsWith('model.vqmodel.')) return 'huggingface';
    if (name.startsWith('language_model.model.') || name.startsWith('gen_vision_model.')) return 'original';
  }
  return undefined;
}

/** What checkpoints hold beside: the understanding of images, the image encoder, and buffers. */
const UNUSED = [
  /^(model\.)?(vision_model|aligner)\./,
  /^(gen_vision_model|model\.vqmodel)\.(encoder|quant_conv)\./,
  /\.codebook_used$/,
  /\.rotary_emb\.inv_freq$/,
];

/** Whether a tensor belongs to what bicot does not compute, so that it may be left over. */
export function isUnused(name: string): boolean {
  return UNUSED.some((pattern) => pattern.test(name));
}
