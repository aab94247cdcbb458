// Line numbers and numbers in brackets: see rules.ts beside this file.
import type { Box } from '../detection.js';

// (1) "on top of" and "above" have no rule: the list says "top of", which no row says (gdino:240).
const NEAR = ['next to', 'on side of', 'near'];
const RIGHT = ['on the right of', 'right of'];
const LEFT = ['on the left of', 'left of'];
const BELOW = ['on the bottom of', 'below'];
const ABOVE = ['on the top of', 'top of'];

// (2) Meant in pixels, compared with boxes whose sides are 1 (gdino:192): everything is near.
const DISTANCE = 150;
const OVERLAP = 0.1;

/** Overlap over union, NaN for two boxes without an area: (8) 0/0 is not guarded (gdino:209), and nothing is true of NaN. */
function overlapRatio(box1: Box, box2: Box): number {
  const width = Math.max(0, Math.min(box1.x1, box2.x1) - Math.max(box1.x0, box2.x0));
  const height = Math.max(0, Math.min(box1.y1, box2.y1) - Math.max(box1.y0, box2.y0));
  const area = (box: Box): number => (box.x1 - box.x0) * (box.y1 - box.y0);
  const intersection = width * height;
  return intersection / (area(box1) + area(box2) - intersection);
}

/** `determine_position` of the published code (gdino:192-248), in [0, 1]; any wording is taken. */
export function referenceRelation(locality: string, box1: Box, box2: Box): number {
  const dx = (box2.x0 + box2.x1) / 2 - (box1.x0 + box1.x1) / 2;
  const dy = (box2.y0 + box2.y1) / 2 - (box1.y0 + box1.y1) / 2;
  const [wide, high] = [Math.abs(dx), Math.abs(dy)];
  // (2) One axis is enough: "or" where "and" was meant (gdino:214).
  if (NEAR.includes(locality)) {
    return wide < DISTANCE || high < DISTANCE ? 1 : DISTANCE / Math.max(wide, high);
  }
  const iou = overlapRatio(box1, box2);
  const towards = (along: number, across: number): number => {
    if (!(along > 0 && along > Math.abs(across))) return 0;
    if (iou < OVERLAP) return 1;
    return iou >= OVERLAP ? OVERLAP / iou : 0;
  };
  if (RIGHT.includes(locality)) return towards(-dx, dy);
  if (LEFT.includes(locality)) return towards(dx, dy);
  if (BELOW.includes(locality)) return towards(-dy, dx);
  if (ABOVE.includes(locality)) return towards(dy, dx);
  return 0; // (1)
}
