import { describe, expect, it } from 'vitest';
import { TINY_JANUS, tinyJanusShapes } from '../../../test/support/tiny-janus.js';
import { vqDecoderConfig } from '../vq/config.js';
import { type JanusConfig, parseJanusConfig } from './config.js';
import { isUnused, janusTensors, layoutName, layoutOf } from './names.js';

const { language, image, vq } = TINY_JANUS;
const tiny: JanusConfig = { language, image, vq: vqDecoderConfig(vq) };

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

describe('janusTensors', () => {
  it('names and shapes everything that the original has at tiny size', () => {
    const byName = (tensors: readonly { name: string; shape: readonly number[] }[]) =>
      Object.fromEntries(tensors.map(({ name, shape }) => [name, [...shape]]));
    expect(byName(janusTensors(tiny))).toEqual(byName(tinyJanusShapes()));
  });

  it('counts the parameters of the published models', () => {
    const config = (json: object) => parseJanusConfig({ language_config: json });
    const count = (json: object, prefix: string) =>
      janusTensors(config(json))
        .filter(({ name }) => name.startsWith(prefix))
        .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const pro7B = { num_hidden_layers: 30, vocab_size: 102400 };
    const pro1B = {
      ...{ hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24 },
      ...{ num_attention_heads: 16, vocab_size: 102400 },
    };
    expect(count(pro1B, 'language_model.')).toBe(1_652_656_128);
    expect(count(pro7B, 'language_model.')).toBe(6_910_365_696);
    expect(count(pro1B, 'gen_head.')).toBe(37_767_168);
    expect(count(pro7B, 'gen_aligner.')).toBe(16_818_176);
    expect(count(pro1B, 'gen_vision_model.')).toBe(42_583_171);
  });
});

describe('layouts', () => {
  it('are told apart by their names', () => {
    const names = janusTensors(tiny).map(({ name }) => name);
    expect(layoutOf(names)).toBe('original');
    expect(layoutOf(names.map((name) => layoutName(name, 'huggingface')))).toBe('huggingface');
    expect(layoutOf(['transformer.h.0.weight'])).toBeUndefined();
  });

  it("has the port's names for everything, each once", () => {
    const port = janusTensors(tiny).map(({ name }) => layoutName(name, 'huggingface'));
    expect(new Set(port).size).toBe(port.length);
    expect(port).toEqual(
      expect.arrayContaining([
        'lm_head.weight',
        'model.language_model.embed_tokens.weight',
        'model.language_model.layers.1.mlp.down_proj.weight',
        'model.generation_embeddings.weight',
        'model.generation_aligner.fc1.bias',
        'model.generation_aligner.hidden_layers.0.weight',
        'model.generation_head.proj_out.weight',
        'model.generation_head.vision_head.bias',
        'model.vqmodel.decoder.mid.attn_1.q.weight',
        'model.vqmodel.decoder.up.2.block.0.nin_shortcut.weight',
        'model.vqmodel.quantize.embedding.weight',
      ]),
    );
    expect(port.filter((name) => name.startsWith('gen_'))).toEqual([]);
  });

  it('knows what it need not read', () => {
    for (const name of [
      'vision_model.vision_tower.blocks.0.attn.qkv.weight',
      'aligner.layers.0.weight',
      'model.vision_model.encoder.layers.0.mlp.fc1.weight',
      'gen_vision_model.encoder.conv_in.weight',
      'gen_vision_model.quant_conv.bias',
      'gen_vision_model.quantize.codebook_used',
      'model.vqmodel.encoder.down.0.block.0.norm1.weight',
      'language_model.model.layers.0.self_attn.rotary_emb.inv_freq',
    ]) {
      expect(isUnused(name), name).toBe(true);
    }
    for (const { name } of janusTensors(tiny)) expect(isUnused(name), name).toBe(false);
  });
});
