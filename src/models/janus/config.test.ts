import { describe, expect, it } from 'vitest';
import { isBicotError } from '../../errors.js';
import { parseJanusConfig } from './config.js';

/** `config.json` of deepseek-ai/Janus-Pro-7B, whose language model is told by LLaMA's defaults. */
const PRO_7B = {
  architectures: ['MultiModalityCausalLM'],
  model_type: 'multi_modality',
  aligner_config: { cls: 'MlpProjector', params: { depth: 2, input_dim: 1024, n_embed: 4096 } },
  gen_aligner_config: { cls: 'MlpProjector', params: { depth: 2, input_dim: 8, n_embed: 4096 } },
  gen_head_config: {
    cls: 'vision_head',
    params: { image_token_embed: 4096, image_token_size: 16384, n_embed: 4096 },
  },
  gen_vision_config: { cls: 'VQ-16', params: { image_token_size: 16384, n_embed: 8 } },
  language_config: {
    max_position_embeddings: 16384,
    model_type: 'llama',
    num_hidden_layers: 30,
    torch_dtype: 'bfloat16',
    vocab_size: 102400,
  },
  vision_config: {
    cls: 'CLIPVisionTower',
    params: { image_size: 384, model_name: 'siglip_large_patch16_384' },
  },
};

/** What Hugging Face's port says of Janus-Pro-1B. */
const PORT_1B = {
  model_type: 'janus',
  text_config: {
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    vocab_size: 102400,
    max_position_embeddings: 16384,
    rms_norm_eps: 1e-6,
    rope_parameters: { rope_theta: 10000, rope_type: 'default' },
  },
  vq_config: {
    embed_dim: 8,
    num_embeddings: 16384,
    latent_channels: 256,
    base_channels: 128,
    channel_multiplier: [1, 1, 2, 2, 4],
    num_res_blocks: 2,
    num_patches: 24,
  },
};

const language = (changes: object) => ({
  ...PRO_7B,
  language_config: { ...PRO_7B.language_config, ...changes },
});

describe('parseJanusConfig', () => {
  it("fills LLaMA's defaults into the original's 7B", () => {
    const { language, image, vq } = parseJanusConfig(PRO_7B);
    expect(language).toEqual({
      ...{ vocabulary: 102400, width: 4096, hidden: 11008, layers: 30, heads: 32 },
      ...{ maxPositions: 16384, rmsEpsilon: 1e-6, ropeTheta: 10000 },
    });
    expect(image).toEqual({ vocabulary: 16384, embedding: 8 });
    expect(vq).toMatchObject({ grid: 24, channels: 128, multipliers: [1, 1, 2, 2, 4], latent: 256 });
  });

  it("reads Hugging Face's port", () => {
    const { language, vq } = parseJanusConfig(PORT_1B);
    expect(language).toMatchObject({ width: 2048, hidden: 5632, layers: 24, heads: 16, ropeTheta: 10000 });
    expect(vq).toEqual(parseJanusConfig(PRO_7B).vq);
  });

  it('prefers language_config to the copies that T2I-R1 has beside it, and these to defaults', () => {
    const { language } = parseJanusConfig({ ...PRO_7B, num_hidden_layers: 2, hidden_size: 2048 });
    expect(language).toMatchObject({ layers: 30, width: 2048 });
  });

  it.each([
    [
      'another model',
      { model_type: 'llama', hidden_size: 8 },
      /neither language_config.*model_type is "llama"/,
    ],
    ['no object', [1], /a JSON object was expected/],
    ['an absurd width', language({ hidden_size: 1e9 }), /hidden_size is 1000000000; .* from 1 to 100,000/],
    ['a fraction', language({ num_hidden_layers: 2.5 }), /num_hidden_layers is 2.5/],
    ['a word', language({ vocab_size: 'many' }), /vocab_size is "many"/],
    ['odd heads', language({ num_attention_heads: 33 }), /4096 over 33/],
    [
      'grouped queries',
      language({ num_key_value_heads: 8 }),
      /num_key_value_heads is 8, but Janus models have 32/,
    ],
    ['scaled positions', language({ rope_scaling: { type: 'linear' } }), /rope_scaling/],
    ['another activation', language({ hidden_act: 'gelu' }), /hidden_act is "gelu"/],
    ['no epsilon', language({ rms_norm_eps: 0 }), /rms_norm_eps is 0; a positive number/],
    [
      'an absurd image decoder',
      { ...PORT_1B, vq_config: { ...PORT_1B.vq_config, base_channels: 100 } },
      /100/,
    ],
  ])('refuses %s', (_, json, message) => {
    const thrown = (): unknown => {
      try {
        parseJanusConfig(json, 'x/config.json');
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(isBicotError(thrown(), 'checkpoint')).toBe(true);
    expect((thrown() as Error).message).toMatch(message);
    expect((thrown() as Error).message).toMatch(/^x\/config.json: /);
  });
});
