import { describe, expect, it } from 'vitest';
import { rewardSamples } from '../../../test/support/reward-samples.js';
import type { PromptRow } from '../../data/prompts.js';
import { rewardEnsemble, score } from '../../index.js';
import type { RewardFunction, Sample } from '../reward.js';
import type { Detector } from './detector.js';
import { t2iR1Rewards } from './t2i-r1.js';
import { formatDeviations, t2iR1Deviations } from './t2i-r1-deviations.js';
import type { YesNoModel } from './yes-no-model.js';

const rows: readonly PromptRow[] = [
  { prompt: 'a purple elephant', task_type: 'color', nouns: ['elephant'], attr_nouns: ['purple elephant'] },
  {
    prompt: 'a banana above a bed',
    task_type: 'spatial',
    nouns: ['banana', 'bed'],
    spatial_info: { obj1: 'banana', obj2: 'bed', locality: 'above' },
  },
];
const samples: readonly Sample<PromptRow>[] = rewardSamples(2, 2).map((sample) => ({
  ...sample,
  prompt: rows[sample.group] as PromptRow,
}));

const similarity: RewardFunction<PromptRow> = async (given) =>
  given.map(({ index }) => score(0.25 + index / 8));
const detector: Detector = async (_, nouns) =>
  nouns.map((noun, i) => ({
    noun,
    score: 0.9,
    box: { x0: 0.4, x1: 0.6, y0: 0.1 + i * 0.5, y1: 0.3 + i * 0.5 },
  }));
const asked: string[] = [];
const question: YesNoModel = async (_, questions) => {
  asked.push(...questions);
  return questions.map((text) => (text.startsWith('Is there') ? 0.5 : 0.25));
};

describe('t2iR1Rewards', () => {
  it('is the four of the paper, summed without weights', async () => {
    const { members } = t2iR1Rewards({ similarity, detector, question });
    expect(Object.keys(members)).toEqual(['hps', 'git', 'gdino', 'orm']);
    const ensemble = rewardEnsemble(members);
    expect(ensemble.members).toEqual(['hps', 'git', 'gdino', 'orm']);
    expect(ensemble.weights).toEqual([1, 1, 1, 1]);
    const { results, total } = await ensemble.evaluate(samples);
    const of = (name: string): unknown =>
      results[name]?.map((one) => (one.kind === 'score' ? one.value : one.kind));
    expect(of('hps')).toEqual([0.25, 0.375, 0.25, 0.375]);
    // A detector's row: GIT has no say.
    expect(of('git')).toEqual([0.5, 0.5, 'abstain', 'abstain']);
    expect(of('orm')).toEqual([0.25, 0.25, 0.25, 0.25]);
    // The banana is above the bed, for which the paper has no rule.
    expect(of('gdino')).toEqual([1, 1, 1, 1]);
    expect(Array.from(total.slice(0, 2))).toEqual([2, 2.125]);
    expect(asked.filter((text) => text.startsWith('Is there'))).toHaveLength(2);
  });

  it('lets another model judge', async () => {
    const judge: YesNoModel = async (_, questions) => questions.map(() => 0.875);
    const { members } = t2iR1Rewards({ similarity, detector, question, judge });
    expect((await members.orm.reward(samples)).map((one) => one.kind === 'score' && one.value)).toEqual([
      ...[0.875, 0.875, 0.875, 0.875],
    ]);
    expect((await members.git.reward(samples))[0]).toEqual(score(0.5));
  });

  it('leaves what the caller made alone', async () => {
    const disposed: string[] = [];
    const mine = Object.assign(question.bind(undefined), {
      dispose: async () => {
        disposed.push('mine');
      },
    });
    const rewards = t2iR1Rewards({ similarity, detector, question: mine });
    await rewards.dispose();
    expect(disposed).toEqual([]);
  });

  it('refuses what is no model, and options that nobody reads', () => {
    const good = { similarity, detector, question };
    expect(() => t2iR1Rewards({ ...good, detector: 'grounding-dino' } as never)).toThrow(
      expect.objectContaining({
        code: 'value',
        message: expect.stringMatching(/detector is grounding-dino/),
      }),
    );
    expect(() => t2iR1Rewards({ ...good, judge: 3 } as never)).toThrow(/judge is 3/);
    expect(() => t2iR1Rewards({ similarity, detector } as never)).toThrow(/question is undefined/);
    expect(() => t2iR1Rewards({ ...good, hps: similarity } as never)).toThrow(/no option 'hps'/);
    expect(() => t2iR1Rewards({ ...good, question: { model: 'a/b', dtyp: 'q4' } } as never)).toThrow(
      /'dtyp'/,
    );
  });
});

describe('deviations', () => {
  it('are said of each member, and of the rules unless they are the paper’s', () => {
    const { deviations } = t2iR1Rewards({ similarity, detector, question });
    expect(new Set(deviations.map(({ member }) => member))).toEqual(new Set(['hps', 'git', 'gdino', 'orm']));
    const [all, less] = [t2iR1Deviations(false), t2iR1Deviations(true)];
    expect(deviations).toEqual(all);
    expect(all.filter((one) => !less.includes(one)).every(({ member }) => member === 'gdino')).toBe(true);
    expect(all.length - less.length).toBe(6);
  });

  it('can be printed', () => {
    const text = formatDeviations(t2iR1Deviations(false));
    expect(text.split('\n\n')).toHaveLength(t2iR1Deviations(false).length);
    expect(text).toMatch(/^hps\n {2}paper: {2}HPSv2\.1.*\n {2}here: .*\n {2}effect: /);
    for (const paragraph of text.split('\n\n')) expect(paragraph.split('\n')).toHaveLength(4);
  });

  it('are plain data', () => {
    const all = t2iR1Deviations(false);
    expect(JSON.parse(JSON.stringify(all))).toEqual(all);
  });
});
