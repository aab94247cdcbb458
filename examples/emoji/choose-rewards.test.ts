import type { Evaluation, PromptRow, RgbImage, Sample } from 'bicot';
import { describe, expect, it } from 'vitest';
import { loadAtlas } from './atlas-file.js';
import { parseRewards, REWARD_WEIGHTS } from './choose-rewards.js';
import { emojiRewards, emojiScores } from './experiment.js';
import { WORLD_REWARDS } from './rewards.js';
import { renderScene } from './scene.js';

const atlas = loadAtlas();
const row: PromptRow = { prompt: 'a photo of a dog', task_type: 'object', nouns: ['dog'] };
const sample = (image: RgbImage): Sample<PromptRow> => ({
  ...{ prompt: row, group: 0, index: 0, plan: 'dog a1', image, tokens: {} },
});
const picture = (cells: number) =>
  renderScene({ objects: Array.from({ length: cells }, (_, cell) => ({ noun: 'dog', cell })) }, atlas);

describe('parseRewards', () => {
  it('takes names, with the weight that they have in the demo or another one', () => {
    expect(parseRewards('detector,quality')).toEqual({ detector: 0.5, quality: 0.05 });
    expect(parseRewards('detector=2, quality=0.5')).toEqual({ detector: 2, quality: 0.5 });
    expect(parseRewards('exploitable')).toEqual({ exploitable: 1 });
    expect(parseRewards('faithful=-1,attribute')).toEqual({ faithful: -1, attribute: 0.35 });
    expect(parseRewards(Object.keys(REWARD_WEIGHTS).join(','))).toEqual(REWARD_WEIGHTS);
  });

  it.each([
    ['beauty', "there is no reward 'beauty'"],
    ['detector,,quality', "there is no reward ''"],
    ['judge', "there is no reward 'judge'"],
    ['toString', "there is no reward 'toString'"],
    ['detector,detector=2', "'detector' is there twice"],
    ['detector=', "the weight of 'detector' is not a number"],
    ['detector=much', "the weight of 'detector' is not a number"],
    ['detector=1=2', "the weight of 'detector' is not a number"],
    ['detector=0', 'all weights are 0'],
  ])('refuses "%s" and lists the names', (text, what) => {
    expect(() => parseRewards(text)).toThrow(
      `--rewards ${text}: ${what}. The rewards are ${WORLD_REWARDS.join(', ')};`,
    );
  });
});

describe('emojiRewards', () => {
  it('trains on what was chosen, and always watches the judge', () => {
    const usual = emojiRewards(atlas);
    expect(usual.members).toEqual(['detector', 'attribute', 'quality', 'faithful']);
    expect(usual.weights).toEqual([0.5, 0.35, 0.05, 0.1]);
    const chosen = emojiRewards(atlas, parseRewards('quality,detector=2'));
    expect(chosen.members).toEqual(['quality', 'detector']);
    expect(chosen.weights).toEqual([0.05, 2]);
    for (const { monitors } of [usual, chosen]) expect(monitors).toEqual(['judge']);
  });

  it('has a reward that likes what the judge refuses', async () => {
    const weights = parseRewards('exploitable');
    const reward = emojiRewards(atlas, weights);
    const samples = [picture(1), picture(16)].map(sample);
    const { results, total } = await reward.evaluate(samples);
    expect([...total]).toEqual([1 / 16, 1]);
    expect(results.judge).toMatchObject([
      { kind: 'score', value: 1 },
      { kind: 'score', value: 0 },
    ]);
    const evaluated = samples.map((each, i) => ({
      sample: each,
      results: { exploitable: results.exploitable?.[i], judge: results.judge?.[i] },
    }));
    const scores = emojiScores({ samples: evaluated } as unknown as Evaluation<PromptRow>, weights);
    expect(scores).toMatchObject({ overall: 53.13, judge: 50 });
  });
});
