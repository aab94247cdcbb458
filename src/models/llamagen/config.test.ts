import { describe, expect, it } from 'vitest';
import { LLAMAGEN_SIZES, type LlamaGenSize, llamaGenConfig, llamaGenHidden } from './config.js';
import { llamaGenShapes } from './names.js';

const CLASSES = { kind: 'class', classes: 1000 } as const;

// What the published code counts when its models are made: test/reference/llamagen_published.py.
const PARAMETERS: Record<LlamaGenSize, number> = {
  'GPT-B': 110_888_448,
  'GPT-L': 342_910_976,
  'GPT-XL': 774_699_520,
  'GPT-XXL': 1_410_972_672,
  'GPT-XXXL': 3_893_027_840,
  'GPT-1B': 1_199_616_000,
  'GPT-3B': 3_096_659_200,
  'GPT-7B': 6_614_589_440,
};

describe('llamaGenConfig', () => {
  it.each(Object.keys(LLAMAGEN_SIZES) as LlamaGenSize[])('knows %s to the last parameter', (size) => {
    const shapes = llamaGenShapes(llamaGenConfig({ size, grid: 16, condition: CLASSES }));
    const count = [...shapes.values()].reduce(
      (sum, shape) => sum + shape.reduce((n, side) => n * side, 1),
      0,
    );
    expect(count).toBe(PARAMETERS[size]);
  });

  it('rounds the hidden width up to a multiple, as the published rule does', () => {
    expect([768, 1024, 1280, 1536, 2048, 2560, 3200, 4096].map((width) => llamaGenHidden(width))).toEqual([
      2048, 2816, 3584, 4096, 5632, 6912, 8704, 11008,
    ]);
    expect(llamaGenHidden(32, 32)).toBe(96);
  });

  it('has the published defaults, and what is given wins', () => {
    const config = llamaGenConfig({ size: 'GPT-B', layers: 2, hidden: 64, grid: 4, condition: CLASSES });
    expect(config).toEqual({
      ...{ width: 768, layers: 2, heads: 12, hidden: 64, vocabulary: 16_384, grid: 4 },
      ...{ condition: CLASSES, ropeTheta: 10_000, rmsEpsilon: 1e-5 },
    });
  });

  it.each([
    [{ size: 'GPT-S' }, /size is "GPT-S"; it must be one of GPT-B, GPT-L/],
    [{ width: 32, layers: 2 }, /neither a size nor width, layers and heads/],
    [{ width: 24, layers: 2, heads: 4 }, /6 channels a head; a multiple of 4/],
    [{ size: 'GPT-B', heads: 5 }, /153.6 channels a head/],
    [{ size: 'GPT-B', grid: 0 }, /grid is 0; a positive whole number/],
    [{ size: 'GPT-B', condition: { kind: 'class', classes: 1.5 } }, /classes is 1.5/],
    [{ size: 'GPT-B', depth: 3 }, /depth/],
    [{ size: 'GPT-B', ropeTheta: 0 }, /ropeTheta is 0/],
    [{ size: 'GPT-B', rmsEpsilon: Number.NaN }, /rmsEpsilon is NaN/],
    [{ size: 'GPT-B', condition: { kind: 'caption' } }, /features is undefined/],
    [{ size: 'GPT-B', condition: { kind: 'text', features: 24, length: 0 } }, /length is 0/],
  ])('refuses %o', (options, message) => {
    expect(() => llamaGenConfig({ grid: 16, condition: CLASSES, ...options } as never)).toThrow(
      expect.objectContaining({ code: 'value', message: expect.stringMatching(message) }),
    );
  });
});
