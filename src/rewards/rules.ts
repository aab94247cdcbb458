import { BicotError } from '../errors.js';
import { checkDetections, type Detection, distinctObjects, normalizeNoun } from './detection.js';
import { labelled } from './reference/labels.js';
import { referenceNumeracy, referenceObject, referenceRule } from './reference/rules.js';
import { abstain, type RewardResult, score } from './reward.js';
import { checkedRuleOptions, type RuleOptions } from './rule-options.js';
import { type SpatialInfo, spatialScore } from './spatial.js';

/** How many of an object a prompt asks for. */
export interface NumeracyItem {
  /** The noun as detections have it, but for case and outer blanks. */
  readonly obj_name: string;
  /** A whole number, at least 1. */
  readonly num: number;
}

/** The columns of a prompt row that the rules read. */
export interface RuleRow {
  /** What should be there; a noun that stands twice wants two boxes. */
  readonly nouns: readonly string[];
  /** Read with `reference` only: elsewhere what a row asks for decides which rule it has. */
  readonly task_type?: string;
  /** Without `reference`, a row that has it is scored by `spatialScore`. */
  readonly spatial_info?: SpatialInfo;
  /** Without `reference`, a row that has it, and no `spatial_info`, is scored by `numeracyScore`. */
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

function checkCount({ obj_name, num }: NumeracyItem): void {
  if (Number.isInteger(num) && num >= 1) return;
  throw new BicotError(
    'prompt-row',
    `num of "${obj_name}" is ${num}; expected a whole number >= 1. Correct the row or drop it.`,
  );
}

/**
 * The fraction of the nouns that were found. A noun listed twice needs two distinct boxes.
 * With `reference` the published numbers, which are 1 for an empty list.
 * @throws BicotError `value` for an empty list or a bad option, `reward` for malformed detections
 */
export function objectScore(
  nouns: readonly string[],
  detections: readonly Detection[],
  options: RuleOptions = {},
): number {
  if (checkedRuleOptions('objectScore', options).reference) {
    checkDetections(detections);
    return nouns.length === 0 ? 1 : referenceObject(nouns, labelled(nouns, detections));
  }
  requireSome(nouns, 'nouns');
  const found = countObjects(detections);
  let present = 0;
  for (const [noun, wanted] of countNouns(nouns)) present += Math.min(wanted, found.get(noun) ?? 0);
  return present / nouns.length;
}

/**
 * Mean over the items of max(0, 1 − |n − num| / num), with n the distinct objects found: a near miss earns more
 * than a wild one. With `graded: false` of 1 for n = num and 0 otherwise; with `reference` the published numbers.
 * @throws BicotError `value` for an empty list or a bad option, `prompt-row` for a count that is not a whole
 *   number >= 1, `reward` for malformed detections
 */
export function numeracyScore(
  items: readonly NumeracyItem[],
  detections: readonly Detection[],
  options: RuleOptions = {},
): number {
  const { reference, graded } = checkedRuleOptions('numeracyScore', options);
  requireSome(items, 'numeracy_info');
  items.forEach(checkCount);
  if (reference) {
    checkDetections(detections);
    const names = items.map(({ obj_name }) => obj_name);
    return referenceNumeracy(items, labelled(names, detections));
  }
  const found = countObjects(detections);
  let sum = 0;
  for (const { obj_name, num } of items) {
    const n = found.get(normalizeNoun(obj_name)) ?? 0;
    if (graded) sum += Math.max(0, 1 - Math.abs(n - num) / num);
    else sum += n === num ? 1 : 0;
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
 * where the row asks for nothing that a detector can see. With `reference` the published numbers, where `task_type`
 * decides and an empty row earns 1.
 * @throws BicotError `prompt-row` or `reward`, as the rules do (rows of `parsePromptRows` are valid); `prompt-row` with
 *   `reference` for a row without `task_type`; `value` for a bad option
 */
export function ruleScore(
  row: RuleRow,
  detections: readonly Detection[],
  options: RuleOptions = {},
): RewardResult {
  if (checkedRuleOptions('ruleScore', options).reference) return score(referenceRule(row, detections));
  if (row.spatial_info) return score(spatialScore(row.spatial_info, detections, options));
  if (row.numeracy_info?.length) return score(numeracyScore(row.numeracy_info, detections, options));
  if (row.nouns.length > 0) return score(objectScore(row.nouns, detections, options));
  return abstain('the row names no objects');
}
