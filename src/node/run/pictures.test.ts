import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, type RolloutFunction, score, type TrainStep } from 'bicot';
import { decodePng, type PictureRecord, pictureLogger, trackedPictures } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { madeStep, plainImage } from '../../../test/support/made-steps.js';
import { uniformStream } from '../../tensor/noise.js';
import { extremeGroups } from './picture-logger.js';
import { textOfPrompt } from './picture-record.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-pictures-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const tell = async (log: Logger<string>, ...steps: number[]): Promise<void> => {
  for (const step of steps) await log(madeStep(step));
};
const records = async (): Promise<PictureRecord[]> =>
  (await readFile(join(folder, 'pictures.jsonl'), 'utf8'))
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
const files = async (): Promise<string[]> => (await readdir(join(folder, 'pictures'))).sort();
const stepsOf = async (kind: string): Promise<number[]> => [
  ...new Set((await records()).filter((record) => record.kind === kind).map(({ step }) => step)),
];

describe('pictureLogger', () => {
  it('keeps best and worst group with plans, scores and pictures', async () => {
    await tell(pictureLogger(folder, { every: 2 }), 0, 1, 2);
    const kept = await records();
    // In step 0 the groups have totals 1, 2 and 0.5, 0 and none.
    expect(kept.slice(0, 4)).toEqual(
      [
        { kind: 'best', group: 0, index: 0, total: 1, taste: 1, detector: 0, judge: 0 },
        { kind: 'best', group: 0, index: 1, total: 2, taste: 2, detector: 0.25, judge: -1 },
        { kind: 'worst', group: 1, index: 0, total: 0.5, taste: 0.5, detector: 0.5, judge: -2 },
        { kind: 'worst', group: 1, index: 1, total: 0, taste: 0, detector: null, judge: -3 },
      ].map(({ kind, group, index, total, ...scores }) => {
        const prompt = ['a red cube', 'zwei blaue Vögel'][group];
        return {
          ...{ step: 0, kind, prompt, group, index, plan: `plan ${index} of "${prompt}"` },
          ...{ image: `pictures/step-000000-${kind}-${group}-${index}.png`, total, scores },
        };
      }),
    );
    expect(kept.map(({ step }) => step)).toEqual([0, 0, 0, 0, 2, 2, 2, 2]);
    expect(await files()).toEqual(kept.map(({ image }) => image.slice('pictures/'.length)).sort());
    const { image } = kept[5] as PictureRecord;
    expect(decodePng(await readFile(join(folder, image)))).toEqual(plainImage(0, 100, 2));
  });

  it('drops records and pictures of steps that are made again, and what a killed process left', async () => {
    await tell(pictureLogger(folder, { every: 1 }), 0, 1, 2);
    await writeFile(join(folder, 'pictures', 'step-000003-best-0-0.png.0123456789ab.tmp'), '');
    await tell(pictureLogger(folder, { every: 2 }), 1);
    expect(await stepsOf('best')).toEqual([0]);
    expect(await files()).toEqual((await records()).map(({ image }) => image.slice('pictures/'.length)));
  });

  it('removes nothing outside its folder, whatever a record says', async () => {
    await tell(pictureLogger(folder, { every: 1 }), 0);
    await writeFile(join(folder, 'mine.png'), 'mine');
    const strange = ['pictures/../mine.png', '../mine.png', 'mine.png', join(folder, 'mine.png'), 3];
    const lines = strange.map((image) => `${JSON.stringify({ step: 5, kind: 'best', image })}\n`);
    await writeFile(join(folder, 'pictures.jsonl'), lines.join(''));
    await tell(pictureLogger(folder, { every: 1 }), 1);
    expect(await readFile(join(folder, 'mine.png'), 'utf8')).toBe('mine');
    expect(await stepsOf('best')).toEqual([1]);
  });

  it('has no group twice, and none without a total', () => {
    const groupsOf = (groupSize: number, ...total: number[]) =>
      extremeGroups({ rollout: { groupSize }, rewards: { total: Float64Array.from(total) } } as TrainStep, 2);
    expect(groupsOf(1, 3, 1, 4, 1.5, 5)).toEqual({ best: [4, 2], worst: [1, 3] });
    expect(groupsOf(1, 3, 1, 4)).toEqual({ best: [2, 0], worst: [1] });
    expect(groupsOf(1, 3)).toEqual({ best: [0], worst: [] });
    expect(groupsOf(2, Number.NaN, Number.NaN, 2, Number.NaN)).toEqual({ best: [1], worst: [] });
  });

  it('writes nothing for a step without pictures', async () => {
    const { rollout, ...step } = madeStep(0);
    const samples = rollout.samples.map(({ image: _, ...sample }) => sample);
    await pictureLogger<string>(folder, { every: 1 })({ ...step, rollout: { ...rollout, samples } });
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses what makes no sense', () => {
    expect(() => pictureLogger(folder, { every: 0 })).toThrow(/every is 0/);
    expect(() => pictureLogger(folder, { groups: 0.5 })).toThrow(/groups is 0.5/);
    expect(() => pictureLogger(folder, { evry: 1 } as object)).toThrow(/no option 'evry'/);
  });
});

/** A picture by chance, as bright as its policy is good. */
const drawing =
  (brightness: () => number): RolloutFunction<string, unknown> =>
  async ({ prompts, groupSize, step, seed }) => ({
    ...{ prompts, groupSize, levels: [] },
    samples: prompts.flatMap((prompt, group) =>
      Array.from({ length: groupSize }, (_, index) => ({
        ...{ prompt, group, index, plan: 'none', tokens: {} },
        image: plainImage(Math.floor(200 * uniformStream(seed, step, prompt, index)()), brightness(), 0),
      })),
    ),
  });

describe('trackedPictures', () => {
  let brightness = 0;
  const logger = (every = 4): Logger =>
    trackedPictures(folder, {
      ...{ every, prompts: ['a', 'b'], samplesPerPrompt: 2, rollout: drawing(() => brightness) },
      reward: async (samples) => samples.map(({ image }) => score(image?.data[1] ?? 0)),
      promptText: (prompt) => `prompt ${prompt}`,
    });

  it('draws the same prompts with the same random numbers', async () => {
    const log = logger();
    for (const step of [3, 4, 5, 8]) {
      brightness = 10 * step;
      await tell(log, step);
    }
    const kept = await records();
    expect(await stepsOf('tracked')).toEqual([3, 4, 8]); // the first that it is told of, and each fourth
    expect(kept.slice(0, 4).map(({ promptIndex, index, prompt }) => [promptIndex, index, prompt])).toEqual([
      ...[0, 1].map((index) => [0, index, 'prompt a']),
      ...[0, 1].map((index) => [1, index, 'prompt b']),
    ]);
    expect(kept.map(({ total }) => total)).toEqual([30, 40, 80].flatMap((value) => Array(4).fill(value)));
    expect(kept[0]?.scores).toEqual({ reward: 30 });
    const reds = await Promise.all(
      kept.map(async ({ image }) => decodePng(await readFile(join(folder, image))).data[0]),
    );
    expect(reds.slice(4, 8)).toEqual(reds.slice(0, 4));
    expect(reds.slice(8)).toEqual(reds.slice(0, 4));
    expect(new Set(reds).size).toBe(4);
  });

  it('has the same steps when a run goes on, beside the pictures of another logger', async () => {
    const both = (): Logger<string>[] => [logger(), pictureLogger(folder, { every: 4 })];
    for (const step of [0, 1, 2, 3, 4, 5]) for (const log of both()) await tell(log, step);
    const whole = [await readFile(join(folder, 'pictures.jsonl')), await files()];
    const again = both();
    for (const step of [3, 4, 5]) for (const log of again) await tell(log, step);
    expect([await readFile(join(folder, 'pictures.jsonl')), await files()]).toEqual(whole);
    expect(await stepsOf('tracked')).toEqual([0, 4]);
    expect(await stepsOf('best')).toEqual([0, 4]);
  });

  it('refuses what makes no sense', () => {
    const options = { prompts: ['a'], rollout: drawing(() => 0), reward: async () => [] };
    expect(() => trackedPictures(folder, { ...options, every: -1 })).toThrow(/every is -1/);
    expect(() => trackedPictures(folder, { ...options, parallel: 1 } as typeof options)).toThrow(
      /no option 'parallel'/,
    );
  });
});

describe('textOfPrompt', () => {
  it.each([
    ['a dog', 'a dog'],
    [{ prompt: 'a dog', nouns: [] }, 'a dog'],
    [{ prompt: 3 }, '{"prompt":3}'],
    [7, '7'],
    [undefined, 'undefined'],
  ])('%j is %s', (prompt, text) => {
    expect(textOfPrompt(prompt)).toBe(text);
  });
});
