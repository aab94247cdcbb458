import { describe, expect, it } from 'vitest';
import { isBicotError } from '../../errors.js';
import { layerTest, moduleTest, patternLookup } from './matching.js';
import { adapterSizes, type LoraOptions, loraOptions, targetPaths } from './options.js';

const errors = { what: 'test', code: 'value' } as const;
const PATHS = [
  'model.layers.0.self_attn.q_proj',
  'model.layers.0.self_attn.k_proj',
  'model.layers.1.self_attn.q_proj',
  'model.layers.11.mlp.experts.1.up_proj',
  'head',
];

const matched = (test: (path: string) => boolean) => PATHS.filter(test).map((path) => PATHS.indexOf(path));

describe('moduleTest', () => {
  it.each([
    [['q_proj'], [0, 2]],
    [['roj'], []],
    [
      ['self_attn.q_proj', 'head'],
      [0, 2, 4],
    ],
    [['0.self_attn.q_proj'], [0]],
    [['model.layers.0.self_attn.q_proj'], [0]],
    [['q.proj'], []],
    ['q_proj', []],
    ['.*q_proj', [0, 2]],
    ['.*q_pr', []],
    ['head|.*k_proj', [1, 4]],
    ['.*(?P<letter>q)_proj', [0, 2]],
    [/.*q_proj|hea/, [0, 2]],
    [/.*Q_PROJ/i, [0, 2]],
    [/.*_proj/gy, [0, 1, 2, 3]],
  ] as const)('%s', (names, expected) => {
    const test = moduleTest(names, errors);
    expect(matched(test)).toEqual(expected);
    // A pattern that remembers its last match would answer otherwise the second time.
    expect(matched(test)).toEqual(expected);
  });

  it.each(['(', '(?i)q_proj', 'q_proj\\Z'])('refuses %s, which is no pattern here', (pattern) => {
    expect(() => moduleTest(pattern, errors)).toThrow(/test: '.*' can't be read as a regular expression/);
  });
});

describe('patternLookup', () => {
  it('gives the number of the first pattern that the end of a path matches', () => {
    const lookup = patternLookup(
      { roj: 1, '^self_attn.q_proj': 2, 'layers\\.1\\..*': 3, 'q_proj|k_proj': 4, q_proj: 5 },
      errors,
    );
    expect(PATHS.map(lookup)).toEqual([4, 4, 3, undefined, undefined]);
  });

  it('ends an alternative where the path ends', () => {
    expect(patternLookup({ 'q_proj|up': 1 }, errors)('a.up.q_proj')).toBe(1);
    expect(patternLookup({ 'up|k_proj': 1 }, errors)('a.up.q_proj')).toBeUndefined();
  });
});

describe('layerTest', () => {
  it('takes the first number of a path, or the one after a name', () => {
    expect(matched(layerTest({ layers: [1], after: [] }, errors))).toEqual([2]);
    expect(matched(layerTest({ layers: [0, 11], after: ['blocks', 'layers'] }, errors))).toEqual([0, 1, 3]);
    expect(matched(layerTest({ layers: [1], after: ['experts'] }, errors))).toEqual([3]);
  });
});

describe('loraOptions', () => {
  it('fills in defaults: every matrix, counted once', () => {
    expect(loraOptions({ rank: 4, alpha: undefined })).toEqual({
      rank: 4,
      alpha: 4,
      targets: 'all-linear',
      rankPattern: {},
      alphaPattern: {},
      rslora: false,
      seed: 0,
    });
    expect(adapterSizes(loraOptions({ rank: 4 }))('head')).toEqual({ rank: 4, scale: 1 });
  });

  it('scales by alpha over the rank, or over its root', () => {
    const options = { rank: 4, alpha: 6, rankPattern: { q_proj: 9 }, alphaPattern: { head: 1 } };
    const sizes = adapterSizes(loraOptions(options));
    expect(PATHS.map((path) => sizes(path).rank)).toEqual([9, 4, 9, 4, 4]);
    expect(PATHS.map((path) => sizes(path).scale)).toEqual([6 / 9, 1.5, 6 / 9, 1.5, 1 / 4]);
    const stable = adapterSizes(loraOptions({ ...options, rslora: true }));
    expect(PATHS.map((path) => stable(path).scale)).toEqual([2, 3, 2, 3, 0.5]);
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{}, /rank is undefined, but must be a whole number/],
    [{ rank: 0 }, /rank is 0/],
    [{ rank: 1.5 }, /rank is 1.5/],
    [{ rank: 1, alpha: 0 }, /alpha is 0, but must be finite and above 0/],
    [{ rank: 1, lora_alpha: 2 }, /no option 'lora_alpha'/],
    [{ rank: 1, rslora: 1 }, /rslora is 1/],
    [{ rank: 1, targets: [] }, /targets is \[\]/],
    [{ rank: 1, targets: [3] }, /targets is \[3\]/],
    [{ rank: 1, targets: '(' }, /regular expression/],
    [{ rank: 1, rankPattern: { a: 0 } }, /rankPattern\['a'\] is 0/],
    [{ rank: 1, rankPattern: { '(': 1 } }, /regular expression/],
    [{ rank: 1, rankPattern: [1] }, /rankPattern is \[1\]/],
    [{ rank: 1, alphaPattern: { a: Number.NaN } }, /alphaPattern\['a'\] is NaN/],
  ])('refuses %o', (options, message) => {
    expect(() => loraOptions(options as unknown as LoraOptions)).toThrow(message);
  });

  it('refuses dropout as unsupported, and takes 0', () => {
    let error: unknown;
    try {
      loraOptions({ rank: 1, dropout: 0.1 });
    } catch (thrown) {
      error = thrown;
    }
    expect(isBicotError(error, 'unsupported')).toBe(true);
    expect((error as Error).message).toMatch(/dropout is 0.1, but only 0/);
    expect(loraOptions({ rank: 1, dropout: 0 })).not.toHaveProperty('dropout');
  });
});

describe('targetPaths', () => {
  it('keeps the order of the model', () => {
    expect(targetPaths(['head', 'q_proj'], PATHS)).toEqual([PATHS[0], PATHS[2], PATHS[4]]);
    expect(targetPaths('all-linear', PATHS)).toEqual(PATHS);
  });

  it('says which modules there are if a name or a pattern finds none', () => {
    expect(() => targetPaths(['q_proj', 'query', 'v'], PATHS)).toThrow(
      /no module is named 'query', 'v'. The model's 5 modules are called q_proj, k_proj, up_proj, head; one path is 'model\.layers\.0\.self_attn\.q_proj'/,
    );
    expect(() => targetPaths(/q_proj/, PATHS)).toThrow(
      /named \/q_proj\/\. .*a pattern must match a whole path/,
    );
    expect(() => targetPaths('all-linear', [])).toThrow(/no matrices/);
  });
});
