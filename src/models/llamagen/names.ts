import { BicotError } from '../../errors.js';
import type { LlamaGenConfig } from './config.js';

/** Names of the tensors outside of blocks, as published checkpoints have them. */
export const LLAMAGEN_NAMES = {
  /** `[classes + 1, d]`; the last row stands for no class. */
  classes: 'cls_embedding.embedding_table.weight',
  /** `[length, features]`: what takes the place of a caption's features where guidance needs none; never trained. */
  noCaption: 'cls_embedding.uncond_embedding',
  /** `[d, features]` */
  captionIn: 'cls_embedding.cap_proj.fc1.weight',
  /** `[d, d]` */
  captionOut: 'cls_embedding.cap_proj.fc2.weight',
  /** `[V, d]` */
  tokens: 'tok_embeddings.weight',
  /** `[d]` */
  finalNorm: 'norm.weight',
  /** `[V, d]` */
  head: 'output.weight',
} as const;

/** Names of the tensors of one block. */
export interface LlamaGenBlockNames {
  /** `[3d, d]`: queries, keys and values below each other. */
  readonly queryKeyValue: string;
  /** `[d, d]` */
  readonly output: string;
  /** `[f, d]` */
  readonly gate: string;
  /** `[f, d]` */
  readonly up: string;
  /** `[d, f]` */
  readonly down: string;
  /** `[d]` */
  readonly attentionNorm: string;
  /** `[d]` */
  readonly mlpNorm: string;
}

/** Names of a block's tensors, as published checkpoints have them. */
export function llamaGenBlockNames(layer: number): LlamaGenBlockNames {
  return {
    queryKeyValue: `layers.${layer}.attention.wqkv.weight`,
    output: `layers.${layer}.attention.wo.weight`,
    gate: `layers.${layer}.feed_forward.w1.weight`,
    up: `layers.${layer}.feed_forward.w3.weight`,
    down: `layers.${layer}.feed_forward.w2.weight`,
    attentionNorm: `layers.${layer}.attention_norm.weight`,
    mlpNorm: `layers.${layer}.ffn_norm.weight`,
  };
}

type Shapes = [name: string, shape: readonly number[]][];

function conditionShapes({ condition, width: d }: LlamaGenConfig): Shapes {
  if (condition.kind === 'class') return [[LLAMAGEN_NAMES.classes, [condition.classes + 1, d]]];
  return [
    [LLAMAGEN_NAMES.noCaption, [condition.length, condition.features]],
    [LLAMAGEN_NAMES.captionIn, [d, condition.features]],
    [LLAMAGEN_NAMES.captionOut, [d, d]],
  ];
}

function blockShapes({ width: d, hidden: f }: LlamaGenConfig, layer: number): Shapes {
  const names = llamaGenBlockNames(layer);
  return [
    [names.queryKeyValue, [3 * d, d]],
    [names.output, [d, d]],
    [names.gate, [f, d]],
    [names.up, [f, d]],
    [names.down, [d, f]],
    [names.attentionNorm, [d]],
    [names.mlpNorm, [d]],
  ];
}

/** All tensors of a model by their published names, with PyTorch's shapes, in the order of the published code. */
export function llamaGenShapes(config: LlamaGenConfig): ReadonlyMap<string, readonly number[]> {
  const { width: d, vocabulary, layers } = config;
  return new Map([
    ...conditionShapes(config),
    [LLAMAGEN_NAMES.tokens, [vocabulary, d]],
    ...Array.from({ length: layers }, (_, layer) => blockShapes(config, layer)).flat(),
    [LLAMAGEN_NAMES.finalNorm, [d]],
    [LLAMAGEN_NAMES.head, [vocabulary, d]],
  ]);
}

// What training scripts keep a model's state under: DDP, DeepSpeed, others; FSDP writes the state alone.
const WRAPPERS = ['', 'model.', 'module.', 'state_dict.'];

/**
 * What stands before the names of a model's tensors in a checkpoint, such as `model.`: training scripts keep a model's
 * state beside their optimizer's.
 * @param names of the checkpoint's tensors; those of nested dictionaries joined by dots
 * @param known the name of a tensor that every such model has
 * @returns `''` if the names are the published ones; undefined if it is no such model
 */
export function wrapperPrefix(names: ReadonlySet<string>, known: string): string | undefined {
  return WRAPPERS.find((wrapper) => names.has(`${wrapper}${known}`));
}

/**
 * What stands before the published names in a checkpoint of the transformer.
 * @param names of the checkpoint's tensors; those of nested dictionaries joined by dots
 * @returns `''` if the names are the published ones
 * @throws BicotError `checkpoint` if it is not a LlamaGen's
 */
export function llamaGenPrefix(names: Iterable<string>, source = 'This'): string {
  const known = new Set(names);
  const prefix = wrapperPrefix(known, LLAMAGEN_NAMES.tokens);
  if (prefix !== undefined) return prefix;
  throw new BicotError(
    'checkpoint',
    `${source} is no checkpoint of LlamaGen's transformer: it has no ${LLAMAGEN_NAMES.tokens}, neither as such nor under model, module or state_dict. It holds ${firstNames(known)}; give it a file such as c2i_B_256.pt.`,
  );
}

/** A few names, for a message that says what a file is not. */
export function firstNames(names: ReadonlySet<string>): string {
  const first = [...names].slice(0, 3).join(', ') || 'nothing';
  return `${first}${names.size > 3 ? ` and ${names.size - 3} more` : ''}`;
}
