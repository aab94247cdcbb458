import { BicotError, type PromptRow } from 'bicot';
import { cellsRelate, LOCALITY_MEANINGS } from './localities.js';
import { type Color, isColor, nounNamed } from './nouns.js';
import type { Scene, SceneObject } from './scene.js';

/** How many of one kind a prompt asks for. */
export interface Wanted {
  readonly noun: string;
  /** Absent: any colour will do. */
  readonly color?: Color;
  readonly count: number;
}

/** What a prompt row asks for. */
export interface Requirement {
  /** In the prompt's order; no kind twice. */
  readonly wanted: readonly Wanted[];
  /** Nouns of which one each is wanted, and how the first stands to the second. */
  readonly relation?: { readonly first: string; readonly second: string; readonly locality: string };
}

/**
 * What a row asks for.
 * @throws BicotError `prompt-row` if the world cannot draw it (see `keepDrawable`)
 */
export function specOf(row: PromptRow): Requirement {
  const wanted = wantedOf(row);
  for (const { noun } of wanted) {
    if (nounNamed(noun) === undefined) throw undrawable(row, `the noun "${noun}"`);
  }
  if (row.spatial_info === undefined) return { wanted };
  const { obj1, obj2, locality } = row.spatial_info;
  if (!(locality in LOCALITY_MEANINGS)) throw undrawable(row, `the place "${locality}"`);
  return { wanted, relation: { first: obj1, second: obj2, locality } };
}

function wantedOf(row: PromptRow): Wanted[] {
  if (row.task_type === 'complex') return complexWanted(row);
  if (row.numeracy_info?.length) {
    return row.numeracy_info.map(({ obj_name, num }) => ({ noun: obj_name, count: num }));
  }
  if (row.attr_nouns?.length) {
    return row.attr_nouns.map((words) => {
      const [color = '', ...noun] = words.split(' ');
      if (!isColor(color)) throw undrawable(row, `the attribute of "${words}"`);
      return { noun: noun.join(' '), color, count: 1 };
    });
  }
  return row.nouns.map((noun) => ({ noun, count: 1 }));
}

/** Of a complex row each noun has its number, if the row counts it, and its colour, if the row names one. */
function complexWanted(row: PromptRow): Wanted[] {
  const numbers = new Map(row.numeracy_info?.map(({ obj_name, num }) => [obj_name, num]));
  const colors = new Map<string, Color>();
  for (const words of row.attr_nouns ?? []) {
    const [color = '', ...noun] = words.split(' ');
    if (!isColor(color)) throw undrawable(row, `the attribute of "${words}"`);
    colors.set(noun.join(' '), color);
  }
  return row.nouns.map((noun) => {
    const [color, count] = [colors.get(noun), numbers.get(noun) ?? 1];
    return color === undefined ? { noun, count } : { noun, color, count };
  });
}

function undrawable(row: PromptRow, what: string): BicotError {
  return new BicotError(
    'prompt-row',
    `"${row.prompt}": ${what} is not in this world; expected a row that it can draw. ` +
      'Filter foreign rows with keepDrawable first.',
  );
}

const isKind = (object: SceneObject, { noun, color }: Wanted): boolean =>
  object.noun === noun && (color === undefined || object.color === color);

/**
 * Whether a scene is exactly what was asked for: every kind in its number, nothing else, the relation right.
 * This judges scenes, that is the data; finished pictures are judged by judge.ts, which shares no code with it.
 */
export function isMet({ wanted, relation }: Requirement, scene: Scene): boolean {
  const total = wanted.reduce((sum, { count }) => sum + count, 0);
  if (scene.objects.length !== total) return false;
  for (const kind of wanted) {
    if (scene.objects.filter((object) => isKind(object, kind)).length !== kind.count) return false;
  }
  if (relation === undefined) return true;
  const cellOf = (noun: string): number => scene.objects.find((object) => object.noun === noun)?.cell ?? -1;
  const meaning = LOCALITY_MEANINGS[relation.locality];
  return meaning !== undefined && cellsRelate(meaning, cellOf(relation.first), cellOf(relation.second));
}
