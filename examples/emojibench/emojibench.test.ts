import { readFileSync } from 'node:fs';
import { type PromptRow, type RewardFunction, type Sample, uniformStream } from 'bicot';
import { describe, expect, it } from 'vitest';
import { loadAtlas } from '../emoji/atlas-file.js';
import { corpusExample } from '../emoji/corpus.js';
import type { TaskType } from '../emoji/forms.js';
import { habitualScene } from '../emoji/habit.js';
import { heldOutOf } from '../emoji/holdout.js';
import { createJudge } from '../emoji/judge.js';
import { honestScene } from '../emoji/layout.js';
import { NOUNS, nounNamed } from '../emoji/nouns.js';
import { PLAN_TOKENS, parsePlan, planTokens } from '../emoji/plan.js';
import { samplePrompts } from '../emoji/prompts.js';
import { isMet, specOf } from '../emoji/requirement.js';
import { worldRewards } from '../emoji/rewards.js';
import { renderScene, type Scene } from '../emoji/scene.js';
import { TOKENIZER } from '../emoji/vocabulary.js';
import { emojiBenchBlocks } from './blocks.js';
import { BENCH_FACTS, FACT_KINDS, factKindOf, hasHeldOutPhrase } from './facts.js';
import { acceptanceOf, CORRUPTIONS, confusionOf, precisionOf, recallOf } from './judge-error.js';
import { remade } from './paper/marked.js';
import { benchMeasures } from './rewards.js';
import { EMOJI_BENCH } from './world.js';

const atlas = loadAtlas();
const judge = createJudge(atlas);
const { tasks, tokenizer } = EMOJI_BENCH;
const prompts = (split: 'train' | 'heldout', count: number, of: readonly TaskType[] = tasks): PromptRow[] =>
  samplePrompts(split, count, 11, { world: EMOJI_BENCH, tasks: of });

describe('the prompts', () => {
  const train = prompts('train', 1200);
  const heldOut = prompts('heldout', 1200);

  it('are of six kinds, in both splits', () => {
    for (const rows of [train, heldOut])
      for (const task of tasks)
        expect(rows.filter(({ task_type }) => task_type === task).length).toBeGreaterThan(150);
  });

  it('that train hold nothing that is held out; the others do', () => {
    const isNew = (row: PromptRow): boolean =>
      heldOutOf(specOf(row).wanted).length > 0 || hasHeldOutPhrase(row);
    expect(train.filter(isNew)).toEqual([]);
    expect(heldOut.every(isNew)).toBe(true);
  });

  it('ask for different things, in words that the model knows', () => {
    for (const row of [...train, ...heldOut]) {
      const kinds = specOf(row).wanted.map(({ noun }) => noun);
      expect(new Set(kinds).size, row.prompt).toBe(kinds.length);
      expect(tokenizer.knows(row.prompt), row.prompt).toBe(true);
    }
  });

  it('begin with the demo’s words, under the same ids', () => {
    expect(tokenizer.size).toBeGreaterThan(TOKENIZER.size);
    for (const word of ['dog', 'a1', 'above', 'photo']) expect(tokenizer.id(word)).toBe(TOKENIZER.id(word));
  });

  it('that are complex ask for what their row says', () => {
    const [row] = prompts('heldout', 400, ['complex']).filter(({ numeracy_info }) => numeracy_info) as [
      PromptRow,
    ];
    const [colored, counted] = specOf(row).wanted;
    expect(row.attr_nouns).toEqual([`${colored?.color} ${colored?.noun}`]);
    expect(row.numeracy_info).toEqual([{ obj_name: counted?.noun, num: counted?.count }]);
    expect(row.prompt).toContain(`${colored?.color} ${colored?.noun} and`);
  });
});

describe('the facts', () => {
  const phrases = BENCH_FACTS.flatMap(({ phrases: own }) => own);

  it('are said in words of their own', () => {
    expect(new Set(phrases).size).toBe(phrases.length);
    for (const { noun, phrases: own } of BENCH_FACTS) {
      expect(nounNamed(noun), noun).toBeDefined();
      for (const phrase of own) {
        expect(phrase.split(' '), phrase).not.toContain(noun);
        // No phrase is in another's, so that a prompt is of one kind.
        expect(phrases.filter((other) => other.includes(phrase))).toEqual([phrase]);
      }
    }
  });

  it('are about culture, nature and time, some of each held out', () => {
    for (const kind of FACT_KINDS) {
      const own = phrases.filter((phrase) => factKindOf({ prompt: `a photo of ${phrase}` }) === kind);
      const kept = own.filter((phrase) => hasHeldOutPhrase({ prompt: phrase }));
      expect(kept.length, kind).toBeGreaterThan(0);
      expect(kept.length, kind).toBeLessThan(own.length / 2);
    }
    expect(factKindOf({ prompt: 'a photo of a dog' })).toBeUndefined();
  });
});

describe('the corpus', () => {
  const stream = uniformStream('emojibench test', 1);
  const examples = Array.from({ length: 4000 }, () => corpusExample(stream, EMOJI_BENCH.noise, EMOJI_BENCH));
  const kindsOf = ({ objects }: Scene) => {
    const counts = new Map<string, { noun: string; color?: string; count: number }>();
    for (const { noun, color } of objects) {
      const key = `${color} ${noun}`;
      counts.set(key, { noun, ...(color && { color }), count: (counts.get(key)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  };

  it('shows no composition that is held out, in prompts, plans or pictures', () => {
    for (const { row, planned, scene } of examples) {
      expect(heldOutOf(specOf(row).wanted), row.prompt).toEqual([]);
      expect(heldOutOf(kindsOf(planned)), row.prompt).toEqual([]);
      expect(heldOutOf(kindsOf(scene)), row.prompt).toEqual([]);
    }
  });

  it('has the phrases that reinforcement learning never sees', () => {
    expect(examples.some(({ row }) => hasHeldOutPhrase(row))).toBe(true);
  });

  it('errs at both levels', () => {
    const wrongPlan = examples.filter(({ row, planned }) => !isMet(specOf(row), planned)).length;
    const unfaithful = examples.filter(
      ({ planned, scene }) => JSON.stringify(planned.objects) !== JSON.stringify(scene.objects),
    ).length;
    expect(wrongPlan / examples.length).toBeGreaterThan(0.2);
    expect(unfaithful / examples.length).toBeGreaterThan(0.2);
  });

  it('has plans that fit', () => {
    for (const { plan } of examples) {
      expect(parsePlan(plan), plan).toBeDefined();
      expect(planTokens(plan)).toBeLessThanOrEqual(PLAN_TOKENS);
    }
  });
});

describe('the draughtsman', () => {
  const of = (...objects: Scene['objects']): Scene => ({ objects });

  it('leaves tints out, and draws four of a kind', () => {
    expect(habitualScene(of({ noun: 'car', color: 'red', cell: 3 }))).toEqual(of({ noun: 'car', cell: 3 }));
    const crowd = of(...[0, 1, 2, 3, 4, 5].map((cell) => ({ noun: 'dog', cell })));
    expect(habitualScene(crowd)).toEqual(of(...crowd.objects.slice(0, 4)));
  });

  it('puts the lower of two things beside the upper one', () => {
    expect(habitualScene(of({ noun: 'dog', cell: 13 }, { noun: 'cat', cell: 2 }))).toEqual(
      of({ noun: 'dog', cell: 1 }, { noun: 'cat', cell: 2 }),
    );
    // Right below: on the right; at the right edge on the left.
    expect(habitualScene(of({ noun: 'dog', cell: 4 }, { noun: 'cat', cell: 8 })).objects[1]?.cell).toBe(5);
    expect(habitualScene(of({ noun: 'dog', cell: 3 }, { noun: 'cat', cell: 7 })).objects[1]?.cell).toBe(2);
  });

  it('draws what asks for none of this as it is', () => {
    const plain = of({ noun: 'dog', cell: 4 }, { noun: 'cat', cell: 6 });
    expect(habitualScene(plain)).toEqual(plain);
  });
});

describe('the judge', () => {
  it.each(tasks)('is right about clean pictures: %s', (task) => {
    const confusion = confusionOf(task, 400, judge, atlas);
    expect(confusion.rejected).toBeGreaterThan(50);
    expect(precisionOf(confusion)).toBeGreaterThanOrEqual(0.99);
    expect(recallOf(confusion)).toBeGreaterThanOrEqual(0.99);
  });

  it.each(CORRUPTIONS)('of corrupted ones: $name', (corruption) => {
    const accepted = acceptanceOf(corruption, 300, judge, atlas);
    if (corruption.harmless) expect(accepted).toBeGreaterThan(0.9);
    else expect(accepted).toBeLessThan(0.01);
  });
});

describe('scores of complex prompts', () => {
  const rewards = worldRewards(atlas);
  const [row] = prompts('train', 300, ['complex']).filter(
    ({ spatial_info, attr_nouns }) => spatial_info && attr_nouns?.length === 2,
  ) as [PromptRow];
  const right = honestScene(specOf(row), uniformStream(4));
  const natural = { objects: right.objects.map(({ noun, cell }) => ({ noun, cell })) };
  const alone = { objects: right.objects.slice(0, 1) };
  const sampleOf = (scene: Scene): Sample<PromptRow> => ({
    prompt: row,
    group: 0,
    index: 0,
    image: renderScene(scene, atlas),
    tokens: {},
  });
  const scores = async (reward: RewardFunction<PromptRow>): Promise<number[]> =>
    (await reward([right, natural, alone].map(sampleOf))).map((result) =>
      result.kind === 'score' ? result.value : Number.NaN,
    );

  it('are full for the right scene alone', async () => {
    const detector = await scores(rewards.detector);
    expect(detector[0]).toBeCloseTo(1, 3);
    expect(detector[2]).toBeLessThan(0.7);
    const attribute = await scores(rewards.attribute);
    expect(attribute[0]).toBeGreaterThan(0.9);
    expect(attribute[1]).toBeLessThan(0.2);
  });

  it('of the judges: strict, and by aspect', async () => {
    const results = await benchMeasures(atlas).evaluate([right, natural, alone].map(sampleOf));
    const values = (name: string) =>
      results.results[name]?.map((result) => (result.kind === 'score' ? result.value : Number.NaN));
    expect(values('judge')).toEqual([1, 0, 0]);
    // Two colours, the place, nothing else.
    expect(values('aspects')).toEqual([1, 0.5, 0.5]);
  });
});

describe('docs/emojibench.md', () => {
  it('has the tables that report.ts makes', { timeout: 120_000 }, () => {
    const page = readFileSync('docs/emojibench.md', 'utf8');
    expect(remade(page, emojiBenchBlocks(), () => '')).toBe(page);
    expect(NOUNS.length).toBe(48);
  });
});
