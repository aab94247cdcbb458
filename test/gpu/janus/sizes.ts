import { type JanusConfig, parseJanusConfig } from 'bicot/models/janus';

/** A policy of Janus's shape, and what a step is made with. */
export interface JanusSize {
  readonly vocabulary: number;
  readonly width: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly imageVocabulary: number;
  /** Width of the table of image tokens. */
  readonly embedding: number;
  /** Tokens along a side of a picture; its square is what an image takes. */
  readonly grid: number;
  readonly decoder: {
    readonly channels: number;
    readonly multipliers: readonly number[];
    readonly latent: number;
  };
  /** Tokens that a plan is conditioned on. */
  readonly promptTokens: number;
  /** Tokens before the plan in what an image is conditioned on. */
  readonly requestTokens: number;
  /** The most tokens of a plan. */
  readonly planTokens: number;
  /** G. */
  readonly group: number;
  /** Of the adapters beside every matrix of a block. */
  readonly rank: number;
}

/** `1b` is Janus-Pro-1B; the others try the same code on machines that it does not fit. */
export const JANUS_SIZES = {
  tiny: {
    ...{ vocabulary: 320, width: 32, hidden: 64, layers: 2, heads: 4 },
    ...{ imageVocabulary: 64, embedding: 8, grid: 4 },
    decoder: { channels: 32, multipliers: [1, 2, 2], latent: 32 },
    ...{ promptTokens: 12, requestTokens: 6, planTokens: 4, group: 4, rank: 4 },
  },
  small: {
    ...{ vocabulary: 8192, width: 256, hidden: 704, layers: 6, heads: 8 },
    ...{ imageVocabulary: 1024, embedding: 8, grid: 12 },
    decoder: { channels: 32, multipliers: [1, 2, 2], latent: 64 },
    ...{ promptTokens: 64, requestTokens: 32, planTokens: 16, group: 8, rank: 8 },
  },
  '1b': {
    ...{ vocabulary: 102_400, width: 2048, hidden: 5632, layers: 24, heads: 16 },
    ...{ imageVocabulary: 16_384, embedding: 8, grid: 24 },
    decoder: { channels: 128, multipliers: [1, 1, 2, 2, 4], latent: 256 },
    ...{ promptTokens: 200, requestTokens: 88, planTokens: 32, group: 8, rank: 16 },
  },
} as const satisfies Readonly<Record<string, JanusSize>>;

/** Names of the sizes. */
export type JanusSizeName = keyof typeof JANUS_SIZES;

/** The `config.json` of a size, as DeepSeek's checkpoints have it. */
export function configJson(size: JanusSize): object {
  const { vocabulary, width, hidden, layers, heads, imageVocabulary, embedding, grid, decoder } = size;
  return {
    model_type: 'multi_modality',
    language_config: {
      ...{ model_type: 'llama', vocab_size: vocabulary, hidden_size: width, intermediate_size: hidden },
      ...{ num_hidden_layers: layers, num_attention_heads: heads, max_position_embeddings: 16_384 },
    },
    gen_head_config: { params: { image_token_size: imageVocabulary, image_token_embed: width } },
    gen_vision_config: {
      params: {
        ...{ image_token_size: imageVocabulary, n_embed: embedding, num_res_blocks: 2 },
        ...{ ch: decoder.channels, ch_mult: decoder.multipliers, z_channels: decoder.latent },
      },
    },
    vision_config: { params: { image_size: grid * 2 ** (decoder.multipliers.length - 1) } },
  };
}

/** The same as bicot reads it. */
export const janusConfig = (size: JanusSize): JanusConfig => parseJanusConfig(configJson(size));
