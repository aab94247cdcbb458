import { describe, expect, it } from 'vitest';
import type { TensorSource } from '../checkpoints/source.js';
import { vqDecoderConfig } from '../vq/config.js';
import { vqParameterShapes } from '../vq/names.js';
import {
  LLAMAGEN_CAPTIONS,
  LLAMAGEN_CLASSES,
  LLAMAGEN_SIZES,
  type LlamaGenSize,
  llamaGenConfig,
} from './config.js';
import { inferLlamaGenConfig } from './infer.js';
import { llamaGenShapes } from './names.js';
import { planLlamaGen } from './plan.js';
import { inspectTokenizer, llamaGenByte, planTokenizer } from './tokenizer.js';

/** A checkpoint of which only names and shapes are there. */
function sourceOf(shapes: Iterable<readonly [string, readonly number[]]>, prefix = ''): TensorSource {
  const none = async (): Promise<never> => {
    throw new Error('nothing may be read');
  };
  const entries = [...shapes].map(([name, shape]) => {
    const stored = prefix + name;
    return [stored, { name: stored, shape, dtype: 'BF16', file: 'memory', bytes: 0 }] as const;
  });
  return { path: 'memory', tensors: new Map(entries), readBytes: none, readFloats: none };
}

const sizes = Object.keys(LLAMAGEN_SIZES) as LlamaGenSize[];

describe('sizes', () => {
  it.each(sizes)('of %s are those of its tensors, by classes and captions', (size) => {
    for (const [condition, file, grid] of [
      [LLAMAGEN_CLASSES, 'c2i_B_256.pt', 16],
      [LLAMAGEN_CLASSES, 'c2i_XXL_384.pt', 24],
      [LLAMAGEN_CAPTIONS, 't2i_XL_stage2_512.pt', 32],
    ] as const) {
      const config = llamaGenConfig({ size, condition, grid });
      for (const prefix of ['', 'model.']) {
        const source = sourceOf(llamaGenShapes(config), prefix);
        const from = { file, source, prefix, factor: 16 };
        expect(inferLlamaGenConfig(from, {})).toEqual(config);
        expect(inferLlamaGenConfig(from, { size, grid: 7 })).toEqual({ ...config, grid: 7 });
        expect(planLlamaGen(config, source, prefix).tensors).toHaveLength(source.tensors.size);
      }
    }
  });

  it.each([
    ['VQ-16', 16, [1, 1, 2, 2, 4]],
    ['VQ-8', 8, [1, 2, 2, 4]],
  ])('of %s are those of its tensors', (_, factor, multipliers) => {
    const config = vqDecoderConfig({ multipliers, grid: 24 });
    const shapes = vqParameterShapes(config).map(({ name, shape }) => [name, shape] as const);
    const beside = [['encoder.conv_in.weight', [1]] as const, ['quantize.codebook_used', [65_536]] as const];
    const file = inspectTokenizer(sourceOf([...shapes, ...beside], 'model.'));
    expect(file.factor).toBe(factor);
    expect(file.config(24)).toEqual(config);
    const { tensors, unused } = planTokenizer(config, file);
    expect(tensors).toHaveLength(shapes.length);
    expect(unused).toEqual(['model.encoder.conv_in.weight', 'model.quantize.codebook_used']);
  });

  it('of layers are counted, however high their numbers claim to go', () => {
    const config = llamaGenConfig({ size: 'GPT-B', condition: LLAMAGEN_CLASSES, grid: 16 });
    const source = sourceOf([...llamaGenShapes(config), ['layers.999999999999.ffn_norm.weight', [768]]]);
    const from = { file: 'c2i_B_256.pt', source, prefix: '', factor: 16 };
    const found = inferLlamaGenConfig(from, { heads: 12 });
    expect(found.layers).toBe(13);
    expect(() => planLlamaGen(found, source, '')).toThrow(
      /Missing: layers\.12.*Left over: layers\.999999999999/,
    );
  });
});

describe('bytes', () => {
  it('are made as the published code makes them', () => {
    // trunc(clip(127.5 x + 128, 0, 255)), by hand.
    const known = [
      [-2, 0],
      [-1.0039, 0],
      [-1, 0],
      [-0.9961, 0],
      [-0.996, 1],
      [0, 128],
      [0.5, 191],
      [0.996, 254],
      [1, 255],
      [3, 255],
    ] as const;
    for (const [value, byte] of known) expect(llamaGenByte(value), String(value)).toBe(byte);
  });
});
