import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { expectNoLeak } from '../../../test/support/backends.js';
import { TINY_JANUS, tinyJanusShapes, VQ_PREFIX } from '../../../test/support/tiny-janus.js';
import { deterministicTensor, vqReference } from '../../../test/support/vq.js';
import { type VqDecoderConfig, vqDecoderConfig, vqImageSide } from './config.js';
import { convToHwio, tfjsVqShape, toTfjsLayout, vqParameterLayout } from './layout.js';
import { hfVqName, vqParameterShapes } from './names.js';
import { disposeVqParameters, vqParameters } from './parameters.js';

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

const byName = (shapes: readonly { name: string; shape: readonly number[] }[]) =>
  Object.fromEntries(shapes.map(({ name, shape }) => [name, shape]));

describe('vqDecoderConfig', () => {
  it('is VQ-16 for pictures of 384 pixels by default', () => {
    const config = vqDecoderConfig();
    expect(vqImageSide(config)).toBe(384);
    const shapes = vqParameterShapes(config);
    const numbers = (prefix: string) =>
      shapes.filter(({ name }) => name.startsWith(prefix)).reduce((sum, { shape }) => sum + count(shape), 0);
    // As many as the original implementation has.
    expect([numbers('decoder.'), numbers('post_quant_conv.'), numbers('quantize.')]).toEqual([
      42_449_795, 2_304, 131_072,
    ]);
    expect(byName(shapes)).toMatchObject({
      'decoder.conv_in.weight': [512, 256, 3, 3],
      'decoder.conv_blocks.1.res.0.nin_shortcut.weight': [256, 512, 1, 1],
      'decoder.conv_blocks.3.res.0.nin_shortcut.bias': [128],
      'decoder.conv_out.weight': [3, 128, 3, 3],
    });
  });

  it.each([
    [{ channels: 100 }, /100 · 1 channels can't be parted into 32 equal groups/],
    [{ grid: 0 }, /grid has 0; a positive whole number/],
    [{ latent: 1.5 }, /latent has 1\.5/],
    [{ multipliers: [] }, /multipliers is \[\]; a list/],
    [{ multipliers: [1, -2] }, /multipliers has -2/],
    [{ codebookSize: Number.NaN }, /codebookSize has NaN/],
    [{ grid: 240 }, /a single tensor takes 13\.3 GB; at most 1\.07 GB.*grid \(240\)/],
    [{ resblocks: 2 }, /no option 'resblocks'/],
  ])('refuses %j', (options, message) => {
    expect(() => vqDecoderConfig(options as Partial<VqDecoderConfig>)).toThrowError(
      expect.objectContaining({ code: 'value', message: expect.stringMatching(message) }),
    );
  });
});

describe('names', () => {
  it('are those of the original implementation', () => {
    const original = tinyJanusShapes()
      .filter(({ name }) => name.startsWith(VQ_PREFIX))
      .map(({ name, shape }) => ({ name: name.slice(VQ_PREFIX.length), shape }));
    expect(original).toHaveLength(143);
    expect(byName(vqParameterShapes(vqDecoderConfig(TINY_JANUS.vq)))).toEqual(byName(original));
  });

  it.each(['tiny', 'other'] as const)('and of its port to transformers (%s)', (name) => {
    const { config, shapes, hf_names } = vqReference(name);
    const own = vqParameterShapes(vqDecoderConfig(config));
    expect(byName(own)).toEqual(shapes);
    expect(Object.fromEntries(own.map((each) => [each.name, hfVqName(each.name)]))).toEqual(hf_names);
  });
});

describe('layouts', () => {
  it('turn kernels and 1×1 convolutions, and nothing else', () => {
    for (const { name, shape } of vqParameterShapes(vqDecoderConfig())) {
      const layout = vqParameterLayout(name);
      const expected =
        shape.length === 1 ? 'vector' : shape.length === 2 ? 'table' : shape[2] === 1 ? 'matrix' : 'kernel';
      expect(layout, name).toBe(expected);
    }
    expect(tfjsVqShape('decoder.conv_in.weight', [5, 4, 3, 3])).toEqual([3, 3, 4, 5]);
    expect(tfjsVqShape('decoder.mid.1.q.weight', [5, 4, 1, 1])).toEqual([4, 5]);
    expect(tfjsVqShape('decoder.norm_out.weight', [5])).toEqual([5]);
  });

  it('order a kernel as tf.transpose does', async () => {
    const shape = [5, 4, 3, 2] as [number, number, number, number];
    const values = Float32Array.from({ length: count(shape) }, (_, i) => i);
    const turned = tf.tidy(() => tf.transpose(tf.tensor4d(Float32Array.from(values), shape), [2, 3, 1, 0]));
    expect(convToHwio(values, shape)).toEqual(await turned.data());
    turned.dispose();
  });

  it('refuse numbers that do not fit the shape', () => {
    const refuse = (name: string, shape: number[], values: number, message: RegExp) =>
      expect(() => toTfjsLayout(name, shape, new Float32Array(values))).toThrowError(
        expect.objectContaining({ code: 'shape', message: expect.stringMatching(message) }),
      );
    refuse('decoder.conv_in.weight', [2, 2, 3, 3], 35, /35 elements but 36 are needed/);
    refuse('decoder.conv_in.weight', [2, 18], 36, /has shape \[2, 18\], but \[out, in, size, size\]/);
    refuse('post_quant_conv.weight', [2, 2, 3, 3], 36, /but \[out, in, 1, 1\] is needed/);
  });
});

describe('vqParameters', () => {
  const config = vqDecoderConfig(TINY_JANUS.vq);
  const shapes = byName(vqParameterShapes(config));

  it('asks for each tensor once, and frees all of them', async () => {
    await expectNoLeak(() => {
      const asked: string[] = [];
      const parameters = vqParameters(config, (name) => {
        asked.push(name);
        return deterministicTensor(name, shapes[name] as number[]);
      });
      expect(asked).toEqual(Object.keys(shapes));
      disposeVqParameters(parameters);
      disposeVqParameters(parameters);
    });
  });

  it('names what is missing, of another shape or type', () => {
    const wrong: Record<string, tf.Tensor | undefined> = {
      'decoder.conv_in.weight': undefined,
      'decoder.conv_in.bias': tf.zeros([64], 'int32'),
      'decoder.mid.0.conv1.weight': tf.zeros([64, 64, 3, 3]),
    };
    tf.tidy(() => {
      const given = (name: string) =>
        name in wrong ? wrong[name] : tf.zeros(tfjsVqShape(name, shapes[name] as number[]));
      expect(() => vqParameters(config, given)).toThrowError(
        expect.objectContaining({
          code: 'checkpoint',
          message: expect.stringMatching(
            /conv_in\.weight is missing; decoder\.conv_in\.bias is int32 \[64\] instead of float32 \[64\]; decoder\.mid\.0\.conv1\.weight is float32 \[64, 64, 3, 3\] instead of float32 \[3, 3, 64, 64\]\. Check/,
          ),
        }),
      );
      expect(() => vqParameters(config, () => undefined)).toThrow(/; and 138 more\. Check/);
    });
    tf.dispose(Object.values(wrong).filter((tensor) => tensor !== undefined));
  });
});
