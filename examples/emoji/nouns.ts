/** What a sprite can be tinted in. */
export const COLORS = ['red', 'green', 'blue', 'yellow', 'purple', 'black'] as const;
/** One of the tints. */
export type Color = (typeof COLORS)[number];

/** A thing the world can draw. */
export interface Noun {
  /** The word or words, as in the prompts: `hot dog`. */
  readonly noun: string;
  /** More than one of it. */
  readonly plural: string;
  /** Whether the atlas has it in every colour. */
  readonly tinted: boolean;
}

const plain = (noun: string, plural = `${noun}s`): Noun => ({ noun, plural, tinted: false });
const tinted = (noun: string, plural = `${noun}s`): Noun => ({ noun, plural, tinted: true });

/** All nouns, in the atlas's order. The names are COCO's, which T2I-R1's prompts use. */
export const NOUNS: readonly Noun[] = [
  plain('dog'),
  plain('cat'),
  plain('bear'),
  plain('horse'),
  plain('sheep', 'sheep'),
  plain('cow'),
  plain('elephant'),
  plain('zebra'),
  plain('giraffe'),
  tinted('bird'),
  plain('banana'),
  plain('apple'),
  plain('orange'),
  plain('broccoli'),
  plain('carrot'),
  plain('hot dog'),
  plain('pizza'),
  plain('donut'),
  plain('cake'),
  plain('sandwich', 'sandwiches'),
  plain('bicycle'),
  plain('motorcycle'),
  tinted('car'),
  tinted('bus', 'buses'),
  tinted('train'),
  plain('boat'),
  plain('airplane'),
  plain('stop sign'),
  tinted('backpack'),
  tinted('umbrella'),
  tinted('handbag'),
  plain('tie'),
  plain('kite'),
  plain('wine glass', 'wine glasses'),
  tinted('cup'),
  tinted('bowl'),
  tinted('chair'),
  tinted('couch', 'couches'),
  plain('bed'),
  plain('potted plant'),
  plain('tv'),
  plain('laptop'),
  tinted('book'),
  plain('clock'),
  tinted('vase'),
  plain('scissors', 'scissors'),
  plain('toothbrush', 'toothbrushes'),
  plain('teddy bear'),
];

const BY_NAME: ReadonlyMap<string, Noun> = new Map(NOUNS.map((noun) => [noun.noun, noun]));

/** The noun of a name, if the world can draw it. */
export function nounNamed(name: string): Noun | undefined {
  return BY_NAME.get(name);
}

/** True for the name of a colour. */
export function isColor(word: string): word is Color {
  return (COLORS as readonly string[]).includes(word);
}

/** Whether the atlas has a sprite of this noun in this colour (no colour: its natural one). */
export function isDrawable(noun: string, color?: Color): boolean {
  const known = BY_NAME.get(noun);
  return known !== undefined && (color === undefined || known.tinted);
}

/** The words with "a" or "an" in front. */
export function withArticle(words: string): string {
  return `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`;
}
