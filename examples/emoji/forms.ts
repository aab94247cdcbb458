import type { PromptRow } from 'bicot';
import { FACTS, type Fact } from './facts.js';
import { MOST } from './holdout.js';
import { WORLD_LOCALITIES } from './localities.js';
import { COLORS, NOUNS, type Noun, withArticle } from './nouns.js';

/** The kinds of the demo's prompts. All but `reasoning` are T2I-R1's. */
export const TASK_TYPES = ['object', 'spatial', 'numeracy', 'color', 'reasoning'] as const;
/** A kind of prompts; `complex` is EmojiBench's. */
export type TaskType = (typeof TASK_TYPES)[number] | 'complex';

/** A family of prompts of one wording, numbered. */
export interface Form {
  /** What its prompts are filed under, their `task_type`. */
  readonly task: TaskType;
  /** How often it is drawn, relative to the other forms of its task. */
  readonly weight: number;
  /** How many prompts it has. */
  readonly size: number;
  /** The prompt of a number in `[0, size)`. */
  row(index: number): PromptRow;
}

const NUMBERS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'] as const;
/** The largest number of each noun where a prompt counts two of them. */
const MOST_OF_TWO = 4;
/** The nouns that the atlas has in every colour. */
export const TINTED = NOUNS.filter(({ tinted }) => tinted);

/** The number word of a count: `three`. */
export const numberWord = (count: number): string => NUMBERS[count - 1] ?? String(count);

/** A number of things in words: `three bananas`. */
export const counted = (noun: Noun, count: number): string =>
  `${numberWord(count)} ${count === 1 ? noun.noun : noun.plural}`;

/** Reads a number digit by digit, each digit with its own base, and looks the digits up in lists. */
function pick<A, B, C, D>(
  index: number,
  a: readonly A[],
  b: readonly B[],
  c: readonly C[],
  d: readonly D[],
): [A, B, C, D] {
  let rest = index;
  const digit = <T>(list: readonly T[]): T => {
    const item = list[rest % list.length] as T;
    rest = Math.floor(rest / list.length);
    return item;
  };
  return [digit(a), digit(b), digit(c), digit(d)];
}

/** A list for a wording that has nothing more to choose. */
export const ONCE = [undefined] as const;
const OPENINGS = ['a photo of ', ''] as const;
/** From one to the most. */
export const counts = (most: number): number[] => Array.from({ length: most }, (_, i) => i + 1);
/** Ordered pairs of different items. */
export const pairs = <T>(items: readonly T[]): (readonly [T, T])[] =>
  items.flatMap((a) => items.filter((b) => b !== a).map((b) => [a, b] as const));

/** Ordered pairs of all nouns. */
export const NOUN_PAIRS = pairs(NOUNS);
/** Ordered pairs of the nouns that come in colours. */
export const TINTED_PAIRS = pairs(TINTED);
/** GenEval writes "a photo of a dog left of a cat", T2I-CompBench "a dog on the left of a cat". */
const GENEVAL = new Set(['left of', 'right of', 'above', 'below']);
/** What a prompt about a place starts with. */
export const opening = (locality: string): string => (GENEVAL.has(locality) ? 'a photo of ' : '');

/** Makes a form: one prompt for each choice of an item of each list. */
export function form<A, B, C, D>(
  task: TaskType,
  weight: number,
  lists: readonly [readonly A[], readonly B[], readonly C[], readonly D[]],
  build: (a: A, b: B, c: C, d: D) => Omit<PromptRow, 'task_type'>,
): Form {
  const [a, b, c, d] = lists;
  const size = a.length * b.length * c.length * d.length;
  return { task, weight, size, row: (index) => ({ task_type: task, ...build(...pick(index, a, b, c, d)) }) };
}

/** The prompts that ask for things by what is known of them. */
export function reasoningForms(facts: readonly Fact[]): Form[] {
  const phrases = facts.flatMap(({ noun, phrases: own }) => own.map((phrase) => ({ noun, phrase })));
  /** A fact and a noun that is not its own. */
  const factPairs = phrases.flatMap((fact) =>
    NOUNS.filter(({ noun }) => noun !== fact.noun).map((noun) => [fact, noun] as const),
  );
  return [
    form('reasoning', 1, [phrases, ONCE, ONCE, ONCE], ({ noun, phrase }) => ({
      prompt: `a photo of ${phrase}`,
      nouns: [noun],
    })),
    form('reasoning', 3, [WORLD_LOCALITIES, factPairs, ONCE, ONCE], (locality, [fact, { noun }]) => ({
      prompt: `${opening(locality)}${fact.phrase} ${locality} ${withArticle(noun)}`,
      nouns: [fact.noun, noun],
      spatial_info: { obj1: fact.noun, obj2: noun, locality },
    })),
    form('reasoning', 2, [counts(MOST), phrases, ONCE, ONCE], (num, { noun, phrase }) => ({
      prompt: `${numberWord(num)} of ${phrase}`,
      nouns: [noun],
      numeracy_info: [{ obj_name: noun, num }],
    })),
  ];
}

/** All prompts of the demo's world. */
export const FORMS: readonly Form[] = [
  form('object', 1, [NOUNS, ONCE, ONCE, ONCE], ({ noun }) => ({
    prompt: `a photo of ${withArticle(noun)}`,
    nouns: [noun],
  })),
  form('object', 3, [NOUN_PAIRS, ONCE, ONCE, ONCE], ([first, second]) => ({
    prompt: `a photo of ${withArticle(first.noun)} and ${withArticle(second.noun)}`,
    nouns: [first.noun, second.noun],
  })),
  form('spatial', 1, [WORLD_LOCALITIES, NOUN_PAIRS, ONCE, ONCE], (locality, [first, second]) => ({
    prompt: `${opening(locality)}${withArticle(first.noun)} ${locality} ${withArticle(second.noun)}`,
    nouns: [first.noun, second.noun],
    spatial_info: { obj1: first.noun, obj2: second.noun, locality },
  })),
  form('numeracy', 2, [OPENINGS, counts(MOST), NOUNS, ONCE], (start, num, noun) => ({
    prompt: `${start}${counted(noun, num)}`,
    nouns: [noun.noun],
    numeracy_info: [{ obj_name: noun.noun, num }],
  })),
  form(
    'numeracy',
    1,
    [counts(MOST_OF_TWO), counts(MOST_OF_TWO), NOUN_PAIRS, ONCE],
    (first, second, [a, b]) => ({
      prompt: `${counted(a, first)} and ${counted(b, second)}`,
      nouns: [a.noun, b.noun],
      numeracy_info: [
        { obj_name: a.noun, num: first },
        { obj_name: b.noun, num: second },
      ],
    }),
  ),
  form('color', 1, [OPENINGS, COLORS, TINTED, ONCE], (start, color, { noun }) => ({
    prompt: `${start}${withArticle(`${color} ${noun}`)}`,
    nouns: [noun],
    attr_nouns: [`${color} ${noun}`],
  })),
  form('color', 3, [OPENINGS, COLORS, COLORS, TINTED_PAIRS], (start, color1, color2, [first, second]) => ({
    prompt: `${start}${withArticle(`${color1} ${first.noun}`)} and ${withArticle(`${color2} ${second.noun}`)}`,
    nouns: [first.noun, second.noun],
    attr_nouns: [`${color1} ${first.noun}`, `${color2} ${second.noun}`],
  })),
  ...reasoningForms(FACTS),
];
