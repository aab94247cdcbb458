import {
  type Box,
  checkDetections,
  type Detection,
  distinctObjects,
  intersectionOverUnion,
  normalizeNoun,
} from './detection.js';
import { canonicalLocality } from './locality.js';
import { labelled } from './reference/labels.js';
import { referenceRelation } from './reference/relation.js';
import { referenceSpatial } from './reference/rules.js';
import { checkedRuleOptions, type RuleOptions } from './rule-options.js';

/** Object 1 stands at `locality` of object 2: `{ obj1: 'cat', obj2: 'bed', locality: 'on top of' }`. */
export interface SpatialInfo {
  /** The noun whose place is told. */
  readonly obj1: string;
  /** The noun that it is told by. */
  readonly obj2: string;
  /** One of `LOCALITIES`. */
  readonly locality: string;
}

/**
 * How well two boxes fit a relation, in [0, 1]; T2I-R1's rules, with thresholds relative to the image.
 *
 * With (dx, dy) the way from the centre of box 1 to that of box 2 (y grows downward):
 * - left: dx > 0 and |dx| > |dy|; right, above, below likewise. 1, or `overlap`/IoU where the boxes
 *   overlap more; 0 otherwise.
 * - near: 1 where |dx| **and** |dy| are at most `nearDistance`, then falling as `nearDistance`/distance, where the
 *   distance is the larger of the two. With `nearAxes: 'or'` one axis is enough for the 1: opposite ends of one row
 *   then count as neighbours.
 *
 * With `reference` the published numbers, where everything is near and some wordings have no rule.
 * @throws BicotError `prompt-row` for a locality without a rule (not with `reference`), `value` for a bad option
 */
export function relationScore(locality: string, box1: Box, box2: Box, options: RuleOptions = {}): number {
  const { reference, nearDistance, nearAxes, overlap } = checkedRuleOptions('relationScore', options);
  if (reference) return referenceRelation(locality, box1, box2);
  const relation = canonicalLocality(locality);
  const dx = (box2.x0 + box2.x1) / 2 - (box1.x0 + box1.x1) / 2;
  const dy = (box2.y0 + box2.y1) / 2 - (box1.y0 + box1.y1) / 2;
  if (relation === 'near') {
    const [nearer, farther] = [Math.abs(dx), Math.abs(dy)].sort((a, b) => a - b) as [number, number];
    return (nearAxes === 'or' ? nearer : farther) <= nearDistance ? 1 : nearDistance / farther;
  }
  const along = { left: dx, right: -dx, above: dy, below: -dy }[relation];
  const across = relation === 'left' || relation === 'right' ? dy : dx;
  if (along <= Math.abs(across)) return 0;
  const iou = intersectionOverUnion(box1, box2);
  return iou <= overlap ? 1 : overlap / iou;
}

/**
 * Half for presence (a quarter per object found), half for the relation of the two most confident boxes:
 * graded, so that a group of samples has spread before any gets everything right. Maximum 1.
 *
 * If both objects have the same noun, two distinct boxes of it are needed, and the order that fits better counts.
 * With `reference` the published numbers: 0.2 per object, at most 0.9.
 * @throws BicotError `prompt-row` for a locality without a rule (not with `reference`), `reward` for malformed
 *   detections, `value` for a bad option
 */
export function spatialScore(
  info: SpatialInfo,
  detections: readonly Detection[],
  options: RuleOptions = {},
): number {
  const { obj1, obj2, locality } = info;
  if (checkedRuleOptions('spatialScore', options).reference) {
    checkDetections(detections);
    return referenceSpatial(info, labelled([obj1, obj2], detections));
  }
  canonicalLocality(locality); // before any early way out: a bad row must not depend on what was drawn
  const objects = distinctObjects(detections);
  const boxesOf = (noun: string): Box[] =>
    objects.filter((found) => normalizeNoun(found.noun) === normalizeNoun(noun)).map(({ box }) => box);
  const boxes1 = boxesOf(obj1);
  const sameNoun = normalizeNoun(obj1) === normalizeNoun(obj2);
  const first = boxes1[0];
  const second = sameNoun ? boxes1[1] : boxesOf(obj2)[0];
  const presence = (first ? 0.25 : 0) + (second ? 0.25 : 0);
  if (!first || !second) return presence;
  const forward = relationScore(locality, first, second, options);
  const relation = sameNoun ? Math.max(forward, relationScore(locality, second, first, options)) : forward;
  return presence + 0.5 * relation;
}
