import * as tf from '@tensorflow/tfjs';
import { type PromptRow, type RewardResult, type Sample, uniformStream } from 'bicot';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import { loadAtlas } from './atlas-file.js';
import { corpusExample } from './corpus.js';
import { detectSprites } from './detector.js';
import { NO_NOISE } from './noise.js';
import { isColor } from './nouns.js';
import { worldRewards } from './rewards.js';
import { paintCell, renderScene, type Scene, type SceneObject } from './scene.js';

const atlas = loadAtlas();
const rewards = worldRewards(atlas);
const picture = (scene: Scene) => renderScene(scene, atlas);

/** `['red car', 3]` is a red car in cell 3. */
const sceneOf = (...objects: [string, number][]): Scene => ({
  objects: objects.map(([name, cell]): SceneObject => {
    const [first = '', ...rest] = name.split(' ');
    return isColor(first) ? { noun: rest.join(' '), color: first, cell } : { noun: name, cell };
  }),
});
const sampleOf = (prompt: PromptRow, scene: Scene, plan?: string): Sample<PromptRow> => ({
  prompt,
  group: 0,
  index: 0,
  plan,
  image: picture(scene),
  tokens: {},
});
const scoreOf = (result?: RewardResult): number => (result?.kind === 'score' ? result.value : Number.NaN);

async function values(
  name: keyof typeof rewards,
  prompt: PromptRow,
  scenes: readonly Scene[],
  plan?: string,
): Promise<number[]> {
  return (await rewards[name](scenes.map((scene) => sampleOf(prompt, scene, plan)))).map(scoreOf);
}

const pair: PromptRow = { prompt: 'a dog and a cat', task_type: 'object', nouns: ['dog', 'cat'] };
const above: PromptRow = {
  prompt: 'a dog above a cat',
  task_type: 'spatial',
  nouns: ['dog', 'cat'],
  spatial_info: { obj1: 'dog', obj2: 'cat', locality: 'above' },
};
const four: PromptRow = {
  prompt: 'four dogs',
  task_type: 'numeracy',
  nouns: ['dog'],
  numeracy_info: [{ obj_name: 'dog', num: 4 }],
};
const colors: PromptRow = {
  prompt: 'a red car and a blue cup',
  task_type: 'color',
  nouns: ['car', 'cup'],
  attr_nouns: ['red car', 'blue cup'],
};

describeOnBackends('the detector', () => {
  it('finds every sprite in its cell and nothing else', async () => {
    const stream = uniformStream('test', 'detector');
    const scenes = Array.from({ length: 40 }, () => corpusExample(stream, NO_NOISE).scene);
    const all = atlas.sprites.map(({ noun, color }, i) =>
      sceneOf([color ? `${color} ${noun}` : noun, i % 16]),
    );
    const found = await detectSprites([...scenes, ...all].map(picture), atlas);
    [...scenes, ...all].forEach(({ objects }, i) => {
      const seen = found[i]?.map(({ noun, color, cell }) => `${color} ${noun} ${cell}`).sort();
      expect(seen).toEqual(objects.map(({ noun, color, cell }) => `${color} ${noun} ${cell}`).sort());
    });
    expect(found.flat().every(({ score }) => score > 0.999 && score <= 1)).toBe(true);
  });

  it('is less sure of a half-wrong sprite, and sees nothing in an empty picture', async () => {
    const half = picture(sceneOf());
    const dog = picture(sceneOf(['dog', 0]));
    const pixels = new Uint8Array(768).fill(255);
    for (let i = 0; i < 8 * 48; i++) pixels[i] = dog.data[Math.floor(i / 48) * 192 + (i % 48)] ?? 255;
    paintCell(half, 0, pixels);
    const [seen, none] = await detectSprites([half, picture(sceneOf())], atlas, 0.2);
    expect(seen?.[0]?.score).toBeLessThan(0.8);
    expect(none).toEqual([]);
  });

  it('leaves no tensors behind', async () => {
    await expectNoLeak(async () => {
      await detectSprites([picture(sceneOf(['dog', 0]))], atlas);
    });
  });
});

describe('the rewards', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });

  it('detector: grades presence, relation and numbers, and surplus costs', async () => {
    const [right = 0, one = 0, extra = 0, empty = 0] = await values('detector', pair, [
      sceneOf(['dog', 0], ['cat', 9]),
      sceneOf(['dog', 0]),
      sceneOf(['dog', 0], ['cat', 9], ['bed', 3], ['dog', 4]),
      sceneOf(),
    ]);
    expect([right, one, extra, empty]).toEqual([1, 0.5, 0.5, 0]);
    const relation = await values('detector', above, [
      sceneOf(['dog', 0], ['cat', 4]),
      sceneOf(['cat', 0], ['dog', 4]),
      sceneOf(['dog', 0]),
    ]);
    expect(relation).toEqual([1, 0.5, 0.25]);
    const dogs = (count: number) =>
      sceneOf(...Array.from({ length: count }, (_, i): [string, number] => ['dog', i]));
    expect(await values('detector', four, [dogs(4), dogs(3), dogs(6), dogs(8)])).toEqual([1, 0.75, 0.5, 0]);
  });

  it('attribute: tells bindings apart and abstains about places and numbers', async () => {
    const [right = 0, swapped = 1, plain = 1, half = 0] = await values('attribute', colors, [
      sceneOf(['red car', 0], ['blue cup', 9]),
      sceneOf(['blue car', 0], ['red cup', 9]),
      sceneOf(['car', 0], ['cup', 9]),
      sceneOf(['red car', 0], ['cup', 9]),
    ]);
    expect(right).toBeGreaterThan(0.9);
    expect(swapped).toBeLessThan(0.1);
    expect(plain).toBeLessThan(0.1);
    expect(Math.abs(half - 0.5)).toBeLessThan(0.1);
    for (const row of [above, four]) {
      expect((await rewards.attribute([sampleOf(row, sceneOf(['dog', 0]))]))[0]?.kind).toBe('abstain');
    }
  });

  it('attribute: says yes to every sprite and no to what is not there', async () => {
    for (const { noun, color } of atlas.sprites) {
      const name = color ? `${color} ${noun}` : noun;
      const ask = (words: string): PromptRow => ({ prompt: words, task_type: 'color', nouns: [words] });
      const other = noun === 'zebra' ? 'pizza' : 'zebra';
      const [yes, no] = await rewards.attribute(
        [ask(name), ask(other)].map((row) => sampleOf(row, sceneOf([name, 6]))),
      );
      expect(scoreOf(yes), name).toBeGreaterThan(0.8);
      expect(scoreOf(no), name).toBeLessThan(0.2);
    }
  });

  it('quality: clean sprites, no crowd, and never an empty picture', async () => {
    const crowd = sceneOf(...Array.from({ length: 16 }, (_, i): [string, number] => ['dog', i]));
    const [clean = 0, empty, crowded] = await values('quality', pair, [
      sceneOf(['dog', 0]),
      sceneOf(),
      crowd,
    ]);
    expect(clean).toBeCloseTo(1, 4);
    expect(empty).toBe(0);
    expect(crowded).toBeCloseTo(0.5, 4);
    const mixed = picture(sceneOf(['dog', 0]));
    const [dog, bus] = ['dog', 'bus'].map((noun) => atlas.sprites.find((sprite) => sprite.noun === noun));
    paintCell(
      mixed,
      0,
      Uint8Array.from(dog?.pixels ?? [], (v, i) => (i % 48 < 24 ? v : (bus?.pixels[i] ?? 0))),
    );
    const [result] = await rewards.quality([{ prompt: pair, group: 0, index: 0, image: mixed, tokens: {} }]);
    expect(scoreOf(result)).toBeLessThan(0.6);
  });

  it('faithful: compares the picture with its own plan', async () => {
    const scenes = [
      sceneOf(['dog', 0], ['red car', 5]),
      sceneOf(['dog', 0], ['car', 5]),
      sceneOf(['dog', 1]),
    ];
    const [all, some, none] = await values('faithful', pair, scenes, 'dog a1 red car b2');
    expect([all, some, none]).toEqual([1, 0.5, 0]);
    expect((await rewards.faithful([sampleOf(pair, sceneOf())]))[0]?.kind).toBe('abstain');
  });

  it('abstain without a picture', async () => {
    const blind: Sample<PromptRow> = { prompt: pair, group: 0, index: 0, tokens: {} };
    for (const reward of Object.values(rewards)) {
      const results = await reward([blind, sampleOf(pair, sceneOf(['dog', 0]), 'dog a1'), blind]);
      expect(results.map(({ kind }) => kind)).toEqual(['abstain', 'score', 'abstain']);
    }
  });
});
