/**
 * What `reference: true` reproduces: the published code of T2I-R1, github.com/CaraJ7/T2I-R1 at commit 2d9d4d1a, files below
 * src/t2i-r1/src. In the comments of this folder, gdino:192 is line 192 of utils/reward_gdino.py, grpo:63 is line 63 of
 * open_r1/grpo.py, and the numbers in brackets, (1) to (10), are those of the list in docs/rewards/rules.md.
 */
import { BicotError } from '../../errors.js';
import { type Box, checkDetections, type Detection } from '../detection.js';
import type { NumeracyItem, RuleRow } from '../rules.js';
import type { SpatialInfo } from '../spatial.js';
import { type Labelled, labelled } from './labels.js';
import { referenceRelation } from './relation.js';
import { referenceSuppression } from './suppression.js';

const corners = ({ centreX, centreY, width, height }: Labelled): Box => {
  const [x0, y0] = [centreX - width / 2, centreY - height / 2];
  return { x0, y0, x1: width + x0, y1: height + y0 };
};

/** (6) The most confident detection: nothing keeps two objects from having the same box (gdino:267-270). */
function mostConfident(detections: readonly Labelled[]): Labelled | undefined {
  return detections.reduce<Labelled | undefined>(
    (best, candidate) => (best === undefined || candidate.score > best.score ? candidate : best),
    undefined,
  );
}

/** `get_spatial_score` (gdino:274-305): (5) 0.2 for each object, half of the relation: 0.9 is the most there is. */
export function referenceSpatial(
  { obj1, obj2, locality }: SpatialInfo,
  detections: readonly Labelled[],
): number {
  const of = (noun: string): Labelled[] => detections.filter(({ label }) => label === noun);
  const presence = (of(obj1).length > 0 ? 0.2 : 0) + (of(obj2).length > 0 ? 0.2 : 0);
  if (presence < 0.4) return presence;
  // (9) A box of both objects counts as the first's, the second is left with none, `torch.stack([])` raises, and the
  // bare `except` makes it 0 (gdino:258-266, 367-371).
  if (obj1 === obj2) return 0;
  const [box1, box2] = [of(obj1), of(obj2)].map(mostConfident) as [Labelled, Labelled];
  return presence + referenceRelation(locality, corners(box1), corners(box2)) / 2;
}

/** `get_numeracy_score` (gdino:308-332). (7) A wrong number earns a fifth, however wrong; none at all earns nothing. */
export function referenceNumeracy(items: readonly NumeracyItem[], detections: readonly Labelled[]): number {
  let sum = 0;
  for (const { obj_name, num } of items) {
    const found = detections.filter(({ label }) => label === obj_name);
    if (found.length === 0) continue;
    sum += (referenceSuppression(found) === num ? 1 : 0.2) / items.length;
  }
  return sum;
}

/** `get_object_score` (gdino:334-340). A noun listed twice is satisfied by one box. */
export function referenceObject(nouns: readonly string[], detections: readonly Labelled[]): number {
  const found = new Set(detections.map(({ label }) => label));
  return nouns.filter((noun) => found.has(noun)).length / nouns.length;
}

/**
 * The reward of the published code's detector for one row (gdino:342-379).
 * @throws BicotError `prompt-row` for a row without a task type, and for one of numbers without any, where the published
 *   code stops; `reward` for malformed detections
 */
export function referenceRule(row: RuleRow, detections: readonly Detection[]): number {
  checkDetections(detections);
  if (row.nouns.length === 0) return 1; // (10) Nothing asked for, full marks (gdino:348-351).
  const found = labelled(row.nouns, detections);
  switch (row.task_type) {
    case undefined:
      throw new BicotError(
        'prompt-row',
        "ruleScore: the row has no task_type, which decides T2I-R1's rule. Add it, or drop `reference`.",
      );
    case 'spatial':
      // (9) A row without the relation raises inside the bare `except`.
      return row.spatial_info ? referenceSpatial(row.spatial_info, found) : 0;
    case 'numeracy':
      if (row.numeracy_info?.length) return referenceNumeracy(row.numeracy_info, found);
      throw new BicotError(
        'prompt-row',
        "ruleScore: a row of task_type 'numeracy' has no numeracy_info; T2I-R1's code stops there. Add it, or drop the row.",
      );
    default:
      return referenceObject(row.nouns, found); // (10) Relations of `complex` rows are not looked at (gdino:374).
  }
}
