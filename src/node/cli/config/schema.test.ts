import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withOverrides } from './overrides.js';
import { checkJsonConfig, checkSettings, JSON_FIELDS, SETTINGS } from './schema.js';

const least = { steps: 3, learningRate: 1e-5 };
const whole = {
  ...least,
  model: { type: 'janus', folder: 'Janus-Pro-1B' },
  prompts: 'prompts.jsonl',
  rewards: { remote: { type: 'http', url: 'http://localhost/score' } },
};

describe('a configuration', () => {
  it('may say little or much', () => {
    expect(checkSettings('x', least)).toEqual(least);
    const much = {
      ...least,
      learningRate: { peak: 1e-5, warmupSteps: 10, final: 0, shape: 'cosine' },
      objective: { preset: 'balanced', klWeight: 0.1 },
      ...{ groupSize: 4, promptsPerStep: 2, seed: 1, backend: 'wasm', workers: 2, microBatch: 1 },
      ...{ updatesPerRollout: 2, maxGradNorm: 0.5, ema: { decay: 0.9 }, out: 'runs/1' },
      checkpoints: { every: 5, keepLast: 3, best: 'judge' },
      track: { every: 10, prompts: 2 },
    };
    expect(checkSettings('x', much)).toEqual(much);
    expect(checkJsonConfig('x', whole)).toEqual(whole);
  });

  it.each<[object, RegExp]>([
    [{ steps: 0 }, /^x: steps is 0; expected a whole number, 1 or more/],
    [{ steps: undefined }, /steps is missing; expected a whole number, 1 or more/],
    [{ groupSize: 1 }, /groupSize is 1; expected a whole number, 2 or more/],
    [{ backend: 'gpu' }, /backend is "gpu"; expected one of node-gpu, webgpu, node, wasm, cpu/],
    [{ learningRate: -1 }, /learningRate is -1; expected a number, 0 or more/],
    [{ learningRate: 'fast' }, /learningRate is "fast"; expected a number, 0 or more, or \{ peak/],
    [{ learningRate: undefined }, /learningRate is missing; expected a number/],
    [{ learningRate: {} }, /learningRate\.peak is missing; expected a number, 0 or more/],
    [
      { learningRate: { peak: 1, shape: 'square' } },
      /learningRate\.shape is "square"; expected one of linear, cosine/,
    ],
    [
      { learningRate: { peak: 1, warmupStep: 3 } },
      /no field learningRate\.warmupStep; did you mean learningRate\.warmupSteps/,
    ],
    [{ objective: { preset: 'gropo' } }, /objective\.preset is "gropo"; expected one of t2iR1/],
    [{ objective: { preset: 'grpo', klWieght: 1 } }, /objective: grpo: there is no option 'klWieght'/],
    [
      { objective: { preset: 'grpo', klWeight: -1 } },
      /objective: objective 'grpo'.* klWeight is -1, but must be/,
    ],
    [{ objective: 'gropo' }, /objective is "gropo"; expected one of t2iR1, balanced/],
    [{ ema: { decay: 1 } }, /ema\.decay is 1; expected a number from 0 to below 1/],
    [{ checkpoints: { evry: 1 } }, /there is no field checkpoints\.evry; did you mean checkpoints\.every/],
    [{ grouppSize: 8 }, /there is no field grouppSize; did you mean groupSize/],
    [{ zebra: 8 }, /there is no field zebra\./],
  ])('names field, value and what is allowed: %o', (change, message) => {
    expect(() => checkSettings('x', { ...least, ...change })).toThrow(message);
  });

  it.each<[object, RegExp]>([
    [{ model: { type: 'llama', folder: 'x' } }, /model\.type is "llama"; expected a model with type: janus/],
    [{ model: { type: 'llamagen', folder: 'x', size: 'XL' } }, /model\.size is "XL"; expected one of GPT-B/],
    [{ model: { type: 'llamagen', folder: 'x', roles: 'pro' } }, /there is no field model\.roles\./],
    [{ model: { type: 'janus' } }, /model\.folder is missing; expected text in quotes/],
    [{ objective: { name: 'mine', level: {} } }, /objective\.preset is missing; expected one of t2iR1/],
    [{ model: undefined }, /model is missing; expected a model with type: janus or llamagen/],
    [{ rewards: {} }, /rewards is \{\}; expected at least one reward/],
    [{ rewards: { a: { type: 'magic' } } }, /rewards\.a\.type is "magic"; expected a reward with type/],
    [{ rewards: { a: { type: 'http' } } }, /rewards\.a\.url is missing; expected text in quotes/],
    [
      { rewards: { a: { type: 'http', url: 'x', weigth: 1 } } },
      /no field rewards\.a\.weigth; did you mean rewards\.a\.weight/,
    ],
    // `steps` is near, but not a field of a reward.
    [{ rewards: { a: { type: 'http', url: 'x', step: 1 } } }, /no field rewards\.a\.step\. docs/],
    [{ prompts: ['a'] }, /prompts is \["a"\]; expected text/],
  ])('in JSON too: %o', (change, message) => {
    expect(() => checkJsonConfig('x', { ...whole, ...change })).toThrow(message);
  });

  it('takes fields from the command line', () => {
    const given = withOverrides(least, [
      'steps=5',
      'learningRate={"peak":1}',
      'learningRate.final=0.5',
      'out=runs/a',
    ]);
    expect(given).toEqual({ steps: 5, learningRate: { peak: 1, final: 0.5 }, out: 'runs/a' });
    expect(() => withOverrides(least, ['steps'])).toThrow(/expected FIELD=VALUE/);
    expect(() => withOverrides(least, ['steps.a=1'])).toThrow(/3 has no field a/);
  });

  it('has every field in docs/cli.md, and no other is there', () => {
    const page = readFileSync(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
    const [, fields = ''] = page.split('## Fields');
    const told = [...fields.matchAll(/^\| `(\w+)`/gm)].map((found) => found[1]);
    expect(told.sort()).toEqual([...SETTINGS, ...JSON_FIELDS].sort());
  });
});
