import {
  counted,
  counts,
  FORMS,
  type Form,
  form,
  NOUN_PAIRS,
  ONCE,
  opening,
  pairs,
  reasoningForms,
  TINTED,
  TINTED_PAIRS,
} from '../emoji/forms.js';
import { WORLD_LOCALITIES } from '../emoji/localities.js';
import { COLORS, NOUNS, withArticle } from '../emoji/nouns.js';
import { BENCH_FACTS } from './facts.js';

/** The kinds of EmojiBench's prompts: T2I-CompBench's, as far as this world has them, and WISE's. */
export const BENCH_TASKS = ['object', 'color', 'numeracy', 'spatial', 'complex', 'reasoning'] as const;

/** A thing that comes in colours, and another thing. */
const TINTED_AND_ANY = TINTED.flatMap((tinted) =>
  NOUNS.filter((noun) => noun !== tinted).map((noun) => [tinted, noun] as const),
);
const COLOR_PAIRS = pairs(COLORS);
/** Crowds are for `numeracy`: a complex prompt counts to four. */
const FEW = counts(4).slice(1);

/** Several things at once: colours with a place, with a number, with another thing. */
const COMPLEX_FORMS: readonly Form[] = [
  form('complex', 2, [WORLD_LOCALITIES, COLOR_PAIRS, TINTED_PAIRS, ONCE], (locality, [one, two], [a, b]) => ({
    prompt: `a ${one} ${a.noun} ${locality} a ${two} ${b.noun}`,
    nouns: [a.noun, b.noun],
    attr_nouns: [`${one} ${a.noun}`, `${two} ${b.noun}`],
    spatial_info: { obj1: a.noun, obj2: b.noun, locality },
  })),
  form('complex', 2, [WORLD_LOCALITIES, COLORS, TINTED_AND_ANY, ONCE], (locality, color, [a, b]) => ({
    prompt: `${opening(locality)}a ${color} ${a.noun} ${locality} ${withArticle(b.noun)}`,
    nouns: [a.noun, b.noun],
    attr_nouns: [`${color} ${a.noun}`],
    spatial_info: { obj1: a.noun, obj2: b.noun, locality },
  })),
  form('complex', 2, [FEW, COLORS, TINTED_AND_ANY, ONCE], (num, color, [a, b]) => ({
    prompt: `a ${color} ${a.noun} and ${counted(b, num)}`,
    nouns: [a.noun, b.noun],
    attr_nouns: [`${color} ${a.noun}`],
    numeracy_info: [{ obj_name: b.noun, num }],
  })),
  form('complex', 1, [COLORS, TINTED, NOUN_PAIRS, ONCE], (color, a, [b, c]) => {
    // A pair that has the coloured thing itself gives way to a pair of its neighbours in the list.
    const [second, third] = [b, c].map((noun) => (noun === a ? after(noun, [b, c]) : noun)) as [
      typeof b,
      typeof c,
    ];
    return {
      prompt: `a ${color} ${a.noun} and ${withArticle(second.noun)} and ${withArticle(third.noun)}`,
      nouns: [a.noun, second.noun, third.noun],
      attr_nouns: [`${color} ${a.noun}`],
    };
  }),
];

/** The next noun of the list that is none of some. */
function after(
  noun: (typeof NOUNS)[number],
  none: readonly (typeof NOUNS)[number][],
): (typeof NOUNS)[number] {
  let index = NOUNS.indexOf(noun);
  do index = (index + 1) % NOUNS.length;
  while (none.includes(NOUNS[index] as (typeof NOUNS)[number]));
  return NOUNS[index] as (typeof NOUNS)[number];
}

/** All prompts of EmojiBench. */
export const BENCH_FORMS: readonly Form[] = [
  ...FORMS.filter(({ task }) => task !== 'reasoning'),
  ...COMPLEX_FORMS,
  ...reasoningForms(BENCH_FACTS),
];
