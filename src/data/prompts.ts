import { BicotError } from '../errors.js';
import { canonicalLocality } from '../rewards/locality.js';
import type { NumeracyItem } from '../rewards/rules.js';
import type { SpatialInfo } from '../rewards/spatial.js';

/** One row of prompt data, in T2I-R1's format (arXiv 2505.00703). Columns of other data sets are dropped. */
export interface PromptRow {
  /** What the picture is asked for with, as a person writes it; never blank. */
  readonly prompt: string;
  /** T2I-R1 has `spatial`, `numeracy`, `color`, `complex`, `non`, `texture`, `shape` and `object`; others are allowed. */
  readonly task_type: string;
  /** The objects in the picture; may be empty. */
  readonly nouns: readonly string[];
  /** Nouns with their attributes ("purple elephant"), to be asked of a question-answering model. */
  readonly attr_nouns?: readonly string[];
  /** Where one object stands to another, if the prompt says so. */
  readonly spatial_info?: SpatialInfo;
  /** How many there shall be of some objects, if the prompt says so. */
  readonly numeracy_info?: readonly NumeracyItem[];
}

type Json = Record<string, unknown>;
/** Where a value stands: file and line, then the path of the field in the row. */
interface Place {
  readonly row: string;
  readonly field: string;
}

function describe(value: unknown): string {
  if (value === undefined) return 'is missing';
  const text = JSON.stringify(value);
  return `is ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`;
}

function malformed({ row, field }: Place, value: unknown, expected: string, todo: string): BicotError {
  return new BicotError('prompt-row', `${row}: ${field} ${describe(value)}; expected ${expected}. ${todo}`);
}

const below = (place: Place, field: string): Place => ({ row: place.row, field: `${place.field}.${field}` });
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readText(value: unknown, place: Place): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw malformed(place, value, 'a non-empty string', `Fill in ${place.field} or remove the row.`);
}

function readList<T>(value: unknown, place: Place, readItem: (item: unknown, place: Place) => T): T[] {
  if (!Array.isArray(value)) {
    throw malformed(place, value, 'a list', `Write ${place.field} as [...], or remove the row.`);
  }
  return value.map((item, index) => readItem(item, { row: place.row, field: `${place.field}[${index}]` }));
}

function readSpatial(value: unknown, place: Place): SpatialInfo {
  if (!isObject(value)) {
    throw malformed(
      place,
      value,
      'an object { obj1, obj2, locality }',
      `Write all three, or set ${place.field} to null.`,
    );
  }
  const obj1 = readText(value.obj1, below(place, 'obj1'));
  const obj2 = readText(value.obj2, below(place, 'obj2'));
  const locality = readText(value.locality, below(place, 'locality'));
  try {
    canonicalLocality(locality);
  } catch (error) {
    const message = `${place.row}: ${place.field}.locality: ${(error as Error).message}`;
    throw new BicotError('prompt-row', message, { cause: error });
  }
  return { obj1, obj2, locality };
}

function readNumeracyItem(value: unknown, place: Place): NumeracyItem {
  if (!isObject(value)) {
    throw malformed(place, value, 'an object { obj_name, num }', 'Write both, or remove the entry.');
  }
  const { num } = value;
  if (typeof num !== 'number' || !Number.isInteger(num) || num < 1) {
    throw malformed(
      below(place, 'num'),
      num,
      'a whole number >= 1',
      'Correct the count or remove the entry.',
    );
  }
  return { obj_name: readText(value.obj_name, below(place, 'obj_name')), num };
}

/**
 * Checks one parsed row and keeps the known columns; `null` counts as absent, as data-set tools write it.
 * @param where names the row in errors, e.g. `prompts.jsonl:7`
 * @throws BicotError `prompt-row`
 */
export function readPromptRow(value: unknown, where: string): PromptRow {
  if (!isObject(value)) {
    throw malformed({ row: where, field: 'the row' }, value, 'an object', 'Write one JSON object per row.');
  }
  const at = (field: string): Place => ({ row: where, field });
  const { attr_nouns, spatial_info, numeracy_info } = value;
  return {
    prompt: readText(value.prompt, at('prompt')),
    task_type: readText(value.task_type, at('task_type')),
    nouns: readList(value.nouns, at('nouns'), readText),
    ...(attr_nouns != null && { attr_nouns: readList(attr_nouns, at('attr_nouns'), readText) }),
    ...(spatial_info != null && { spatial_info: readSpatial(spatial_info, at('spatial_info')) }),
    ...(numeracy_info != null && {
      numeracy_info: readList(numeracy_info, at('numeracy_info'), readNumeracyItem),
    }),
  };
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BicotError(
      'prompt-row',
      `${where}: not valid JSON (${(error as Error).message}); expected one JSON object per line, or one list ` +
        'of objects. Correct the line or remove it.',
      { cause: error },
    );
  }
}

/**
 * Reads prompt data: JSON Lines (one object a line, blank lines skipped), or a JSON list of objects.
 * @param text the file's content
 * @param source names the file in errors; the line (of a list: the entry, from 1) follows, `source:7`
 * @throws BicotError `prompt-row` for the first malformed row: which field, what was expected, what to do;
 *   `empty-prompts` if there is no row
 */
export function parsePromptRows(text: string, source = 'prompts'): PromptRow[] {
  const content = text.replace(/^\uFEFF/, ''); // editors on Windows prefix a byte-order mark
  const rows = content.trimStart().startsWith('[')
    ? (parseJson(content, source) as unknown[]).map((row, index) =>
        readPromptRow(row, `${source}:${index + 1}`),
      )
    : content.split(/\r?\n/).flatMap((line, index) => {
        const where = `${source}:${index + 1}`;
        return line.trim() === '' ? [] : [readPromptRow(parseJson(line, where), where)];
      });
  if (rows.length > 0) return rows;
  throw new BicotError(
    'empty-prompts',
    `${source} holds no prompt rows; expected at least one JSON object. Check that the right file was read.`,
  );
}
