import type { PromptRow } from 'bicot';
import { keepDrawable } from './drawable.js';
import { FACTS } from './facts.js';
import { counted, numberWord, opening, type TaskType } from './forms.js';
import { MOST } from './holdout.js';
import { WORLD_LOCALITIES } from './localities.js';
import { COLORS, type Color, isColor, isDrawable, NOUNS, type Noun, withArticle } from './nouns.js';
import { TOKENIZER } from './vocabulary.js';

/** A prompt in somebody's own words: what the rewards need to know of it, or why the world can't draw it. */
export type ReadPrompt =
  | { readonly kind: 'prompt'; readonly row: PromptRow }
  | { readonly kind: 'problem'; readonly message: string };

/** One thing that a prompt asks for. */
interface Thing {
  readonly noun: Noun;
  /** A fact that stands for the noun: `the fruit that monkeys love`. */
  readonly phrase?: string;
  readonly color?: Color;
  readonly count?: number;
}

const PHRASES = new Map(
  FACTS.flatMap(({ noun, phrases }) =>
    phrases.map((phrase) => [phrase, NOUNS.find((known) => known.noun === noun) as Noun] as const),
  ),
);
const NAMES = new Map(NOUNS.flatMap((noun) => [[noun.plural, noun] as const, [noun.noun, noun] as const]));
const COUNTS = new Map(
  Array.from({ length: MOST }, (_, i) => i + 1).flatMap((count) => [
    [numberWord(count), count] as const,
    [String(count), count] as const,
  ]),
);
const LONGEST_FIRST = [...WORLD_LOCALITIES].sort((a, b) => b.length - a.length);

const problem = (message: string): ReadPrompt => ({ kind: 'problem', message });

/**
 * Reads a prompt that a person typed: case, punctuation, articles and the opening "a photo of" do not matter, and numbers
 * may be digits. The row that comes back has the world's own wording, the one that the base model was trained on.
 */
export function readPrompt(text: string): ReadPrompt {
  const words = text
    .toLowerCase()
    .replace(/[.,!?"“”]/g, ' ')
    .split(/\s+/)
    .filter((word) => word.length > 0);
  if (words.length === 0) return problem('The prompt is empty. Try “a photo of a dog and a cat”.');
  const unknown = words.filter((word) => !TOKENIZER.knows(word) && !COUNTS.has(word));
  if (unknown.length > 0) {
    const list = [...new Set(unknown)].map((word) => `“${word}”`).join(', ');
    return problem(`This world has no word for ${list}. The list below has every word that it knows.`);
  }
  const asked = words.join(' ').replace(/^(a )?photo of /, '');
  const read = readPlace(asked) ?? readOne(asked) ?? readTwo(asked);
  if (read === undefined) {
    return problem(
      'Every word is known, but not the sentence. Ask for one or two things: “a red car and a green bowl”, ' +
        '“three bananas”, “a dog above a bed”.',
    );
  }
  return read.kind === 'problem' ? read : checked(read.row);
}

function checked(row: PromptRow): ReadPrompt {
  const { leftOut } = keepDrawable([row]);
  const [why] = leftOut;
  return why
    ? problem(`“${row.prompt}” is nothing that this world can draw: ${why.reason}.`)
    : { kind: 'prompt', row };
}

function readThing(text: string): Thing | undefined {
  const [first = '', ...rest] = text.split(' ');
  const count = COUNTS.get(first);
  if (count !== undefined) {
    const what = rest[0] === 'of' ? rest.slice(1).join(' ') : rest.join(' ');
    const thing = readThing(what);
    // `three of the striped animal`, `three zebras`; colours are not counted here.
    if (thing === undefined || thing.count !== undefined || thing.color) return undefined;
    return { ...thing, count };
  }
  const riddle = PHRASES.get(text) ?? PHRASES.get(`the ${text}`);
  if (riddle) return { noun: riddle, phrase: PHRASES.has(text) ? text : `the ${text}` };
  const bare = text.replace(/^(a|an|the) /, '');
  const [color = '', ...name] = bare.split(' ');
  if (isColor(color)) {
    const noun = NAMES.get(name.join(' '));
    return noun && { noun, color };
  }
  const noun = NAMES.get(bare);
  return noun && { noun };
}

const rowOf = (task_type: TaskType, prompt: string, rest: Omit<PromptRow, 'prompt' | 'task_type'>) =>
  ({ kind: 'prompt', row: { task_type, prompt, ...rest } }) as const;

/** `a dog above a bed`, `the striped animal next to a car`. */
function readPlace(text: string): ReadPrompt | undefined {
  for (const locality of LONGEST_FIRST) {
    const at = text.indexOf(` ${locality} `);
    if (at < 0) continue;
    const first = readThing(text.slice(0, at));
    const second = readThing(text.slice(at + locality.length + 2));
    if (!first || !second) return undefined;
    if (second.phrase) return problem('A riddle comes first: “the striped animal above a bed”.');
    if ([first, second].some(({ color, count }) => color !== undefined || count !== undefined)) {
      return problem('A place goes with two plain things, without numbers or colours: “a dog above a bed”.');
    }
    const { noun: a, phrase } = first;
    const subject = phrase ?? withArticle(a.noun);
    return rowOf(
      phrase ? 'reasoning' : 'spatial',
      `${opening(locality)}${subject} ${locality} ${withArticle(second.noun.noun)}`,
      {
        nouns: [a.noun, second.noun.noun],
        spatial_info: { obj1: a.noun, obj2: second.noun.noun, locality },
      },
    );
  }
  return undefined;
}

/** `a dog`, `a red car`, `three bananas`, `the striped animal`, `two of the striped animal`. */
function readOne(text: string): ReadPrompt | undefined {
  const thing = readThing(text);
  if (thing === undefined) return undefined;
  const { noun, phrase, color, count } = thing;
  const nouns = [noun.noun];
  if (count !== undefined) {
    const numeracy_info = [{ obj_name: noun.noun, num: count }];
    return phrase
      ? rowOf('reasoning', `${numberWord(count)} of ${phrase}`, { nouns, numeracy_info })
      : rowOf('numeracy', `a photo of ${counted(noun, count)}`, { nouns, numeracy_info });
  }
  if (color) {
    const attribute = `${color} ${noun.noun}`;
    return (
      withoutTint(thing) ??
      rowOf('color', `a photo of ${withArticle(attribute)}`, { nouns, attr_nouns: [attribute] })
    );
  }
  if (phrase) return rowOf('reasoning', `a photo of ${phrase}`, { nouns });
  return rowOf('object', `a photo of ${withArticle(noun.noun)}`, { nouns });
}

/** `a dog and a cat`, `two dogs and three cats`, `a red car and a green bowl`. */
function readTwo(text: string): ReadPrompt | undefined {
  for (let at = text.indexOf(' and '); at >= 0; at = text.indexOf(' and ', at + 1)) {
    const pair = [readThing(text.slice(0, at)), readThing(text.slice(at + 5))];
    const [a, b] = pair;
    if (a && b) return rowOfTwo(a, b);
  }
  return undefined;
}

function rowOfTwo(a: Thing, b: Thing): ReadPrompt {
  if (a.phrase || b.phrase)
    return problem('A riddle stands alone, or at a place: “the striped animal above a bed”.');
  const nouns = [a.noun.noun, b.noun.noun];
  const things = [a, b] as const;
  if (a.count !== undefined || b.count !== undefined) {
    if (a.color || b.color) return problem('Numbers and colours do not go together in this world.');
    const [first, second] = [a.count ?? 1, b.count ?? 1];
    return rowOf('numeracy', `${counted(a.noun, first)} and ${counted(b.noun, second)}`, {
      nouns,
      numeracy_info: [
        { obj_name: a.noun.noun, num: first },
        { obj_name: b.noun.noun, num: second },
      ],
    });
  }
  if (a.color && b.color) {
    const attr_nouns = things.map(({ noun, color }) => `${color} ${noun.noun}`);
    return (
      withoutTint(a) ??
      withoutTint(b) ??
      rowOf('color', `a photo of ${attr_nouns.map(withArticle).join(' and ')}`, { nouns, attr_nouns })
    );
  }
  if (a.color || b.color)
    return problem('Give both things a colour, or neither: “a red car and a green bowl”.');
  return rowOf('object', `a photo of ${nouns.map(withArticle).join(' and ')}`, { nouns });
}

function withoutTint({ noun, color }: Thing): ReadPrompt | undefined {
  if (isDrawable(noun.noun, color)) return undefined;
  const tinted = NOUNS.filter((known) => known.tinted).map((known) => known.noun);
  return problem(
    `A ${noun.noun} comes in its own colour only. In ${COLORS.join(', ')} there are: ${tinted.join(', ')}.`,
  );
}
