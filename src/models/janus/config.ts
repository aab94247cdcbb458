import { BicotError, firstLineOf } from '../../errors.js';
import { type VqDecoderConfig, vqDecoderConfig } from '../vq/config.js';

/** Sizes of the language model, a plain LLaMA decoder. */
export interface JanusLanguageConfig {
  /** Rows of the text embedding; the tokenizer may know fewer. */
  readonly vocabulary: number;
  /** H, the width of the residual stream. */
  readonly width: number;
  /** Of the gated layer. */
  readonly hidden: number;
  /** Blocks: attention and a gated layer each. */
  readonly layers: number;
  /** Attention heads of a block. */
  readonly heads: number;
  /** Positions that context and completion may take together. */
  readonly maxPositions: number;
  /** Added to the mean square in every norm. */
  readonly rmsEpsilon: number;
  /** Rotary base. */
  readonly ropeTheta: number;
}

/** Sizes of Janus-Pro. */
export interface JanusConfig {
  /** What reads prompts, and writes plans and image tokens. */
  readonly language: JanusLanguageConfig;
  /** Image tokens as the language model reads and writes them. */
  readonly image: {
    /** V: columns of the image head, entries of the codebook. */
    readonly vocabulary: number;
    /** Width of the table of image tokens, before the aligner. */
    readonly embedding: number;
  };
  /** The decoder of image tokens to pixels. */
  readonly vq: VqDecoderConfig;
}

/** How a checkpoint names its tensors: as DeepSeek published them, or as Hugging Face's port does. */
export type JanusLayout = 'original' | 'huggingface';

/** LLaMA's defaults in Hugging Face's configuration class: what a missing field means. */
const LLAMA = {
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
};

type Json = Readonly<Record<string, unknown>>;

const objectAt = (from: unknown, key: string): Json | undefined => {
  const value = (from as Json | undefined)?.[key];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
};

/**
 * Reads a Janus `config.json`, of the original repositories (`multi_modality`) or of the Hugging Face port (`janus`). Fields
 * that are missing have LLaMA's defaults, as in DeepSeek's code: Janus-Pro-7B's file does not even say how wide it is.
 * @param source what error messages call it
 * @throws BicotError `checkpoint` for the file of another model, or sizes that can't be
 */
export function parseJanusConfig(json: unknown, source = 'config.json'): JanusConfig {
  const fail = (what: string): never => {
    throw new BicotError('checkpoint', `${source}: ${what}`);
  };
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return fail('a JSON object was expected, as in the config.json of deepseek-ai/Janus-Pro-1B.');
  }
  const config = json as Json;
  const port = objectAt(config, 'text_config');
  const original = objectAt(config, 'language_config');
  if (!port && !original) {
    return fail(
      `it has neither language_config (DeepSeek's Janus) nor text_config (Hugging Face's port); its model_type is ${JSON.stringify(config.model_type)}. Give the folder of a Janus-Pro checkpoint.`,
    );
  }
  const language = readLanguage(port ? [port] : [original, config], fail);
  try {
    return port ? portConfig(config, language) : originalConfig(config, language);
  } catch (error) {
    return fail(firstLineOf(error));
  }
}

/** What DeepSeek's code builds: its image decoder has sizes of its own that no file changes. */
function originalConfig(config: Json, language: JanusLanguageConfig): JanusConfig {
  const vision = objectAt(objectAt(config, 'gen_vision_config'), 'params');
  const head = objectAt(objectAt(config, 'gen_head_config'), 'params');
  const understanding = objectAt(objectAt(config, 'vision_config'), 'params');
  const codebookSize = (vision?.image_token_size ?? 16_384) as number;
  const multipliers = (vision?.ch_mult ?? [1, 1, 2, 2, 4]) as number[];
  const side = (understanding?.image_size ?? 384) as number;
  const embedding = (vision?.n_embed ?? 8) as number;
  return {
    language,
    image: { vocabulary: (head?.image_token_size ?? codebookSize) as number, embedding },
    vq: vqDecoderConfig({
      ...{ codebookSize, embedding, multipliers },
      channels: (vision?.ch ?? 128) as number,
      resBlocks: (vision?.num_res_blocks ?? 2) as number,
      latent: (vision?.z_channels ?? 256) as number,
      grid: side / 2 ** (multipliers.length - 1),
    }),
  };
}

function portConfig(config: Json, language: JanusLanguageConfig): JanusConfig {
  const vq = objectAt(config, 'vq_config') ?? {};
  const codebookSize = (vq.num_embeddings ?? 16_384) as number;
  const embedding = (vq.embed_dim ?? 8) as number;
  return {
    language,
    image: { vocabulary: codebookSize, embedding },
    vq: vqDecoderConfig({
      ...{ codebookSize, embedding },
      multipliers: (vq.channel_multiplier ?? [1, 1, 2, 2, 4]) as number[],
      channels: (vq.base_channels ?? 128) as number,
      resBlocks: (vq.num_res_blocks ?? 2) as number,
      latent: (vq.latent_channels ?? 256) as number,
      grid: (vq.num_patches ?? 24) as number,
    }),
  };
}

/** @param places where a field may stand, the first one first */
function readLanguage(
  places: readonly (Json | undefined)[],
  fail: (what: string) => never,
): JanusLanguageConfig {
  const field = (name: string): unknown => {
    const found = places.map((place) => place?.[name]).find((value) => value !== undefined && value !== null);
    return found ?? LLAMA[name as keyof typeof LLAMA];
  };
  const count = (name: keyof typeof LLAMA): number => {
    const value = field(name);
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > ABSURD[name]) {
      fail(
        `${name} is ${JSON.stringify(value)}; a whole number from 1 to ${ABSURD[name].toLocaleString('en')} was expected.`,
      );
    }
    return value as number;
  };
  const positive = (name: string, value: unknown): number => {
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
    return fail(`${name} is ${JSON.stringify(value)}; a positive number was expected.`);
  };
  const rope = places.map((place) => objectAt(place, 'rope_parameters')).find(Boolean);
  const heads = count('num_attention_heads');
  const width = count('hidden_size');
  refuseVariants(field, { heads, width }, rope, fail);
  return {
    vocabulary: count('vocab_size'),
    hidden: count('intermediate_size'),
    layers: count('num_hidden_layers'),
    maxPositions: count('max_position_embeddings'),
    rmsEpsilon: positive('rms_norm_eps', field('rms_norm_eps')),
    ropeTheta: positive('rope_theta', rope?.rope_theta ?? field('rope_theta')),
    ...{ heads, width },
  };
}

/** Far above any model of this kind: what is larger is a damaged or hostile file. */
const ABSURD: Record<keyof typeof LLAMA, number> = {
  vocab_size: 10_000_000,
  hidden_size: 100_000,
  intermediate_size: 1_000_000,
  num_hidden_layers: 1000,
  num_attention_heads: 1000,
  max_position_embeddings: 100_000_000,
  rms_norm_eps: 1,
  rope_theta: Number.MAX_VALUE,
};

/** What LLaMA can be and Janus is not; computing such a model as if it were Janus would give nonsense and no error. */
function refuseVariants(
  field: (name: string) => unknown,
  { heads, width }: { heads: number; width: number },
  rope: Json | undefined,
  fail: (what: string) => never,
): void {
  if (width % heads !== 0 || (width / heads) % 2 !== 0) {
    fail(
      `hidden_size ${width} over ${heads} num_attention_heads gives ${width / heads} channels a head; an even whole number was expected.`,
    );
  }
  const scaling = field('rope_scaling') ?? rope?.rope_type ?? 'default';
  const wanted: readonly [name: string, value: unknown, expected: unknown][] = [
    ['num_key_value_heads', field('num_key_value_heads') ?? heads, heads],
    ['head_dim', field('head_dim') ?? width / heads, width / heads],
    ['hidden_act', field('hidden_act') ?? 'silu', 'silu'],
    ['attention_bias', field('attention_bias') ?? false, false],
    ['mlp_bias', field('mlp_bias') ?? false, false],
    ['rope_scaling', scaling, 'default'],
  ];
  for (const [name, value, expected] of wanted) {
    if (value === expected) continue;
    fail(
      `${name} is ${JSON.stringify(value)}, but Janus models have ${JSON.stringify(expected)}, and bicot computes no other kind.`,
    );
  }
}
