import type { PromptRow } from 'bicot';
import { describe, expect, it } from 'vitest';
import { keepDrawable } from './drawable.js';
import { FACTS } from './facts.js';
import { TASK_TYPES } from './forms.js';
import { isCountHeldOut, isHeldOut, isPairHeldOut, MOST } from './holdout.js';
import { WORLD_LOCALITIES } from './localities.js';
import { COLORS, NOUNS } from './nouns.js';
import { enumeratePrompts, samplePrompts } from './prompts.js';
import { specOf } from './requirement.js';
import { TOKENIZER } from './vocabulary.js';

/** The compositions of a row, found from its fields alone: noun pairs, counts above two, colours. */
function compositionsOf(row: PromptRow): string[] {
  const pairs = row.nouns.flatMap((a, i) => row.nouns.slice(i + 1).map((b) => [a, b].sort().join('+')));
  const counts = (row.numeracy_info ?? []).filter(({ num }) => num > 2);
  const tinted = row.attr_nouns ?? [];
  const colors = new Set(tinted.map((words) => words.split(' ')[0] as string));
  const colorPair = colors.size === 2 ? [[...colors].sort().join(' & ')] : [];
  return [...pairs, ...counts.map(({ obj_name, num }) => `${num} ${obj_name}`), ...tinted, ...colorPair];
}

const train = TASK_TYPES.flatMap((task) => enumeratePrompts('train', task));
const heldOut = TASK_TYPES.flatMap((task) => enumeratePrompts('heldout', task));

describe('the split', () => {
  it('leaves at least one composition of every held-out prompt out of training', () => {
    const seen = new Set(train.flatMap(compositionsOf));
    expect(heldOut.length).toBeGreaterThan(1000);
    // Also by the way of a fact: compositions are of nouns, whatever words the prompt uses for them.
    for (const row of heldOut)
      expect(
        compositionsOf(row).every((name) => seen.has(name)),
        row.prompt,
      ).toBe(false);
  });

  it('has every noun, count, colour, fact and locality in training', () => {
    const inTrain = (test: (row: PromptRow) => boolean) => train.some(test);
    for (const { noun } of NOUNS) expect(inTrain((row) => row.nouns.includes(noun))).toBe(true);
    for (let n = 1; n <= MOST; n++) {
      expect(inTrain((row) => row.numeracy_info?.some(({ num }) => num === n) ?? false)).toBe(true);
    }
    for (const color of COLORS) {
      expect(inTrain((row) => row.attr_nouns?.some((words) => words.startsWith(color)) ?? false)).toBe(true);
    }
    for (const phrase of FACTS.flatMap(({ phrases }) => phrases)) {
      expect(inTrain((row) => row.prompt.includes(phrase))).toBe(true);
    }
    for (const locality of WORLD_LOCALITIES) {
      expect(inTrain((row) => row.spatial_info?.locality === locality)).toBe(true);
    }
  });

  it('holds out about one composition in eight, in every kind of prompt', () => {
    const pairs = NOUNS.flatMap((a, i) => NOUNS.slice(i + 1).map((b) => isPairHeldOut(a.noun, b.noun)));
    const counts = NOUNS.flatMap(({ noun }) => [3, 4, 5, 6, 7, 8].map((n) => isCountHeldOut(noun, n)));
    for (const list of [pairs, counts]) {
      const share = list.filter(Boolean).length / list.length;
      expect(share).toBeGreaterThan(0.09);
      expect(share).toBeLessThan(0.17);
    }
    for (const task of TASK_TYPES) expect(heldOut.some((row) => row.task_type === task)).toBe(true);
  });

  it('draws what belongs to it, without repeats', () => {
    for (const split of ['train', 'heldout'] as const) {
      const rows = samplePrompts(split, 300, 3);
      expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(300);
      expect(rows.every((row) => isHeldOut(row) === (split === 'heldout'))).toBe(true);
      expect(samplePrompts(split, 300, 3)).toEqual(rows);
    }
  });
});

describe('prompts', () => {
  it('have only words of the vocabulary, and never name what a fact describes', () => {
    expect([...train, ...heldOut].filter(({ prompt }) => !TOKENIZER.knows(prompt))).toEqual([]);
    for (const { noun, phrases } of FACTS) {
      expect(phrases.length).toBeGreaterThanOrEqual(2);
      for (const phrase of phrases) expect(phrase.split(' ')).not.toContain(noun);
    }
  });

  it('are worded as T2I-R1 words them', () => {
    const prompts = new Map([...train, ...heldOut].map((row) => [row.prompt, row]));
    for (const prompt of [
      'a photo of a banana above a bed',
      'a photo of a dog left of an elephant',
      'a cow on the left of an apple',
      'a bowl on side of a car',
      'a photo of three bananas',
      'four cows and four bowls',
      'a red cup and a blue vase',
      'a photo of a clock and a boat',
      'a photo of the fruit that monkeys love above a bed',
      'three of the fruit that monkeys love',
    ]) {
      expect(prompts.has(prompt), prompt).toBe(true);
    }
    expect(prompts.get('a photo of the fruit that monkeys love above a bed')).toEqual({
      task_type: 'reasoning',
      prompt: 'a photo of the fruit that monkeys love above a bed',
      nouns: ['banana', 'bed'],
      spatial_info: { obj1: 'banana', obj2: 'bed', locality: 'above' },
    });
  });
});

describe('keepDrawable', () => {
  const row = (fields: Partial<PromptRow>): PromptRow => ({
    prompt: 'a dog',
    task_type: 'object',
    nouns: ['dog'],
    ...fields,
  });

  it('keeps what can be drawn, respelt', () => {
    const { kept, leftOut } = keepDrawable([
      row({
        prompt: 'A photo of three sheeps.',
        task_type: 'numeracy',
        nouns: ['sheep'],
        numeracy_info: [{ obj_name: 'sheep', num: 3 }],
      }),
    ]);
    expect(leftOut).toEqual([]);
    expect(kept[0]?.prompt).toBe('a photo of three sheep');
    expect(kept[0] && specOf(kept[0])).toEqual({ wanted: [{ noun: 'sheep', count: 3 }] });
  });

  it.each<[string, Partial<PromptRow>]>([
    ['task type texture', { task_type: 'texture' }],
    ['a noun without a sprite', { nouns: ['dog', 'unicorn'] }],
    ['an attribute or a place that the world lacks', { task_type: 'color', attr_nouns: ['brown dog'] }],
    ['a colour that the noun does not come in', { task_type: 'color', attr_nouns: ['red dog'] }],
    ['too many objects', { task_type: 'numeracy', numeracy_info: [{ obj_name: 'dog', num: 12 }] }],
    ['a word that the vocabulary lacks', { prompt: 'a happy dog' }],
    [
      'fields that disagree about the nouns',
      { task_type: 'color', nouns: ['dog', 'car'], attr_nouns: ['red car'] },
    ],
  ])('leaves out: %s', (reason, fields) => {
    expect(keepDrawable([row(fields), row(fields)])).toEqual({ kept: [], leftOut: [{ reason, count: 2 }] });
  });
});
