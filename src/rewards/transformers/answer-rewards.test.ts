import { describe, expect, it } from 'vitest';
import { rewardSamples } from '../../../test/support/reward-samples.js';
import { BicotError } from '../../errors.js';
import type { RewardResult, Sample } from '../reward.js';
import { judgeQuestion, judgeReward } from './judge-reward.js';
import { nounQuestions, type QuestionRow, questionReward } from './question-reward.js';
import type { YesNoModel } from './yes-no-model.js';

const [template] = rewardSamples(1, 1) as [Sample];
const sampleOf = <Row>(prompt: Row): Sample<Row> => ({ ...template, prompt });
const color = { task_type: 'color', nouns: ['elephant'], attr_nouns: ['purple elephant', 'orange cat'] };

/** Answers by the question, and remembers what it was asked. */
function fakeModel(answer: (question: string, asked: number) => number): YesNoModel & { asked: string[] } {
  const asked: string[] = [];
  const model: YesNoModel = async (_, questions) => questions.map((q) => answer(q, asked.push(q)));
  return Object.assign(model, { asked });
}
const only = async (results: Promise<readonly RewardResult[]>): Promise<RewardResult> => {
  const all = await results;
  expect(all).toHaveLength(1);
  return all[0] as RewardResult;
};

describe('questionReward', () => {
  it('is the mean over attr_nouns, asked as questions', async () => {
    const model = fakeModel((question) => (question.includes('purple') ? 0.9 : 0.2));
    expect(await only(questionReward({ model })([sampleOf(color)]))).toEqual({
      kind: 'score',
      value: (0.9 + 0.2) / 2,
    });
    expect(model.asked).toEqual([
      'Is there a purple elephant in the image? Answer yes or no.',
      'Is there an orange cat in the image? Answer yes or no.',
    ]);
  });

  it('asks for nouns where there are no attributes', () => {
    expect(nounQuestions({ nouns: ['umbrella', ' dog'] })).toEqual([
      'Is there an umbrella in the image? Answer yes or no.',
      'Is there a dog in the image? Answer yes or no.',
    ]);
    expect(nounQuestions({ nouns: ['dog'], attr_nouns: [] })).toHaveLength(1);
    expect(nounQuestions({})).toEqual([]);
  });

  it.each<[string, QuestionRow, RegExp]>([
    ['spatial rows', { ...color, task_type: 'spatial' }, /spatial/],
    ['numeracy rows', { ...color, task_type: 'numeracy' }, /numeracy/],
    ['rows without nouns', { task_type: 'non', nouns: [] }, /no objects/],
  ])('abstains for %s', async (_, row, reason) => {
    const model = fakeModel(() => 1);
    const result = await only(questionReward({ model })([sampleOf(row)]));
    expect(result).toEqual({ kind: 'abstain', reason: expect.stringMatching(reason) });
    expect(model.asked).toEqual([]);
  });

  it('asks what it is told to, of every row, and nothing where there is nothing to ask', async () => {
    const model = fakeModel(() => 0.5);
    const reward = questionReward<{ task_type: string; ask: string[] }>({
      model,
      questions: ({ ask }) => ask,
    });
    const results = await reward([
      sampleOf({ task_type: 'spatial', ask: ['Is it left?'] }),
      sampleOf({ task_type: 'color', ask: [] }),
    ]);
    expect(results.map(({ kind }) => kind)).toEqual(['score', 'abstain']);
    expect(model.asked).toEqual(['Is it left?']);
  });

  it('abstains for samples without a picture, and fails for malformed ones', async () => {
    const model = fakeModel(() => 0.5);
    const { image: _, ...blind } = sampleOf(color);
    const odd = { ...sampleOf(color), image: { width: 4, height: 4, data: new Uint8Array(64) } };
    const results = await questionReward({ model })([blind, odd, sampleOf(color)]);
    expect(results.map(({ kind }) => kind)).toEqual(['abstain', 'failure', 'score']);
  });

  it.each([
    ['an error of the runtime', new Error('out of memory')],
    ['a BicotError about a picture', new BicotError('reward', 'out of memory')],
    ['logits that are not finite', new BicotError('non-finite', 'out of memory')],
  ])('fails for the sample that %s is about, not for others', async (_, error) => {
    const model = fakeModel((_question, asked) => {
      if (asked === 2) throw error;
      return 0.5;
    });
    const row = { nouns: ['dog'] };
    const results = await questionReward({ model })([sampleOf(row), sampleOf(row), sampleOf(row)]);
    expect(results.map(({ kind }) => kind)).toEqual(['score', 'failure', 'score']);
    expect(results[1]).toEqual({ kind: 'failure', reason: 'out of memory' });
  });

  it('throws what concerns every sample', async () => {
    for (const code of ['checkpoint', 'unsupported', 'aborted', 'value'] as const) {
      const model: YesNoModel = async () => {
        throw new BicotError(code, 'no model');
      };
      await expect(questionReward({ model })([sampleOf(color)])).rejects.toMatchObject({ code });
    }
    const short: YesNoModel = async () => [0.5];
    await expect(questionReward({ model: short })([sampleOf(color)])).rejects.toThrow(
      /1 answers to 2 questions/,
    );
    const wrong: YesNoModel = async (_, questions) => questions.map(() => 1.5);
    await expect(questionReward({ model: wrong })([sampleOf(color)])).rejects.toThrow(/\[0, 1\]/);
  });

  it('stops between samples when nobody waits any more', async () => {
    const controller = new AbortController();
    const model = fakeModel((_, asked) => {
      if (asked === 2) controller.abort();
      return 0.5;
    });
    const row = { nouns: ['dog'] };
    const samples = [1, 2, 3, 4].map(() => sampleOf(row));
    const call = { signal: controller.signal };
    await expect(questionReward({ model })(samples, call)).rejects.toMatchObject({ code: 'aborted' });
    expect(model.asked).toHaveLength(2);
  });

  it('hands the signal on, and refuses wrong options', async () => {
    const signals: unknown[] = [];
    const model: YesNoModel = async (_, questions, call) => {
      signals.push(call?.signal);
      return questions.map(() => 0);
    };
    const { signal } = new AbortController();
    await questionReward({ model })([sampleOf(color)], { signal });
    expect(signals).toEqual([signal]);
    expect(() => questionReward({ model, question: () => [] } as never)).toThrow(/no option 'question'/);
    expect(() => questionReward({ model: 'some/model' } as never)).toThrow(/yesNoModel\(\{ model \}\)/);
  });
});

describe('judgeReward', () => {
  it('asks whether the picture represents the prompt', async () => {
    const model = fakeModel(() => 0.75);
    const rows = [{ prompt: 'a red ball' }, 'a blue cube'];
    const results = await judgeReward({ model })(rows.map(sampleOf));
    expect(results).toEqual([
      { kind: 'score', value: 0.75 },
      { kind: 'score', value: 0.75 },
    ]);
    expect(model.asked).toEqual([judgeQuestion('a red ball'), judgeQuestion('a blue cube')]);
    expect(model.asked[0]).toMatch(/"a red ball".*accurately.*yes or no/);
  });

  it('asks the question that it is given', async () => {
    const model = fakeModel(() => 0.75);
    await judgeReward<{ id: number }>({ model, prompt: ({ id }) => `Is it ${id}?` })([sampleOf({ id: 7 })]);
    expect(model.asked).toEqual(['Is it 7?']);
  });

  it('refuses rows without a prompt, and wrong options', async () => {
    const model = fakeModel(() => 1);
    await expect(judgeReward({ model })([sampleOf({ text: 'x' })])).rejects.toMatchObject({
      code: 'prompt-row',
      message: expect.stringMatching(/\{"text":"x"\}.*Pass `prompt`/),
    });
    expect(() => judgeReward({ model, questions: () => [] } as never)).toThrow(/no option 'questions'/);
  });
});
