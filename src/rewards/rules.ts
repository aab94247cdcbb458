import { BicotError } from '../errors.js';
import { type Detection, distinctObjects, normalizeNoun } from './detection.js';
import { abstain, type RewardResult, score } from './reward.js';
import { type RelationOptions, type SpatialInfo, spatialScore } from './spatial.js';

/** How many of an object a prompt asks for. */
export interface NumeracyItem {
  readonly obj_name: string;
  /** A whole number, at least 1. */
  readonly num: number;
}

/** The columns of a prompt row that the rules read. */
export interface RuleRow {
  readonly nouns: readonly string[];
  readonly spatial_info?: SpatialInfo;
  readonly numeracy_info?: readonly NumeracyItem[];
}

/** Occurrences of each noun. */
function countNouns(nouns: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const noun of nouns) counts.set(normalizeNoun(noun), (counts.get(normalizeNoun(noun)) ?? 0) + 1);
  return counts;
}

const countObjects = (detections: readonly Detection[]): Map<string, number> =>
  countNouns(distinctObjects(detections).map(({ noun }) => noun));

/** A mean over nothing has no value: the caller should abstain. */
function requireSome(list: readonly unknown[], what: string): void {
  if (list.length > 0) return;
  throw new BicotError(
    'value',
    `${what} is empty; expected at least one entry. Abstain for such rows instead.`,
  );
}

/**
 * The fraction of the nouns that were found. A noun listed twice needs two distinct boxes.
 * @throws BicotError `value` for an empty list, `reward` for malformed detections
 */
export function objectScore(nouns: readonly string[], detections: readonly Detection[]): number {
  requireSome(nouns, 'nouns');
  const found = countObjects(detections);
  let present = 0;
  for (const [noun, wanted] of countNouns(nouns)) present += Math.min(wanted, found.get(noun) ?? 0);
  return present / nouns.length;
}

/**
 * Mean over the items of max(0, 1 − |n − num| / num), with n the distinct objects found: a near miss earns more
 * than a wild one.
 * @throws BicotError `value` for an empty list, `prompt-row` for a count that is not a whole number >= 1,
 *   `reward` for malformed detections
 */
export function numeracyScore(items: readonly NumeracyItem[], detections: readonly Detection[]): number {
  requireSome(items, 'numeracy_info');
  const found = countObjects(detections);
  let sum = 0;
  for (const { obj_name, num } of items) {
    if (!Number.isInteger(num) || num < 1) {
      throw new BicotError(
        'prompt-row',
        `num of "${obj_name}" is ${num}; expected a whole number >= 1. Correct the row or drop it.`,
      );
    }
    const n = found.get(normalizeNoun(obj_name)) ?? 0;
    sum += Math.max(0, 1 - Math.abs(n - num) / num);
  }
  return sum / items.length;
}

/**
 * The mean of the probabilities of "yes" that a question-answering model gave, one per attribute or noun
 * ("purple elephant?").
 * @throws BicotError `value` for an empty list, `reward` for a value that is not in [0, 1]
 */
export function attributeScore(answers: readonly number[]): number {
  requireSome(answers, 'answers');
  let sum = 0;
  answers.forEach((answer, index) => {
    if (!(answer >= 0 && answer <= 1)) {
      throw new BicotError(
        'reward',
        `answer ${index} is ${answer}; expected a probability in [0, 1]. ` +
          'Use P(yes) / (P(yes) + P(no)), and return a failure where both are 0.',
      );
    }
    sum += answer;
  });
  return sum / answers.length;
}

/**
 * The rule that fits a row: its spatial relation whenever it has one, else its counts, else its nouns. Abstains
 * where the row asks for nothing that a detector can see.
 * @throws BicotError `prompt-row` or `reward`, as the rules do; rows of `parsePromptRows` are valid
 */
export function ruleScore(
  row: RuleRow,
  detections: readonly Detection[],
  options: RelationOptions = {},
): RewardResult {
  if (row.spatial_info) return score(spatialScore(row.spatial_info, detections, options));
  if (row.numeracy_info?.length) return score(numeracyScore(row.numeracy_info, detections));
  if (row.nouns.length > 0) return score(objectScore(row.nouns, detections));
  return abstain('the row names no objects');
}
