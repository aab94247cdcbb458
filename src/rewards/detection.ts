import { BicotError } from '../errors.js';

/** A box by its corners, as fractions of the image's sides; x grows rightward, y **downward**. */
export interface Box {
  /** The left edge. */
  readonly x0: number;
  /** The upper edge. */
  readonly y0: number;
  /** The right edge. */
  readonly x1: number;
  /** The lower edge. */
  readonly y1: number;
}

/** One object that a detector found. Detectors apply their own confidence threshold before handing these over. */
export interface Detection {
  /** The whole noun as the prompt row spells it (case and outer blanks do not matter). */
  readonly noun: string;
  /** Around the whole object. */
  readonly box: Box;
  /** Confidence; only its order matters. */
  readonly score: number;
}

/** How rows and detectors spell the same noun: without outer blanks, in lower case. */
export const normalizeNoun = (noun: string): string => noun.trim().toLowerCase();

const area = (box: Box): number => Math.max(0, box.x1 - box.x0) * Math.max(0, box.y1 - box.y0);

/** Intersection over union of two boxes, in [0, 1]; 0 when neither has an area (never 0/0). */
export function intersectionOverUnion(a: Box, b: Box): number {
  const width = Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0);
  const height = Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0);
  const intersection = Math.max(0, width) * Math.max(0, height);
  const union = area(a) + area(b) - intersection;
  return union > 0 ? intersection / union : 0;
}

/** Most confident first; equal scores keep their order, so the outcome is deterministic. */
const byConfidence = (detections: readonly Detection[]): Detection[] =>
  [...detections].sort((a, b) => b.score - a.score);

/** Goes through detections from the most confident on, keeping those that no kept one rules out. */
function keepGreedily(
  detections: readonly Detection[],
  rulesOut: (kept: Detection, candidate: Detection) => boolean,
): Detection[] {
  const kept: Detection[] = [];
  for (const candidate of byConfidence(detections)) {
    if (!kept.some((winner) => rulesOut(winner, candidate))) kept.push(candidate);
  }
  return kept;
}

/**
 * Drops repeated detections of one object: of two boxes of the same noun that overlap by more than
 * `iou`, the more confident stays. Boxes are corners, which is what suppression is defined on: given
 * centres and sizes, duplicates survive.
 * @param iou overlap above which two boxes are the same object
 * @returns the survivors, most confident first
 */
export function nonMaximumSuppression(detections: readonly Detection[], iou = 0.5): Detection[] {
  return keepGreedily(
    detections,
    (kept, candidate) =>
      normalizeNoun(kept.noun) === normalizeNoun(candidate.noun) &&
      intersectionOverUnion(kept.box, candidate.box) > iou,
  );
}

/**
 * Lets one box serve one noun only: where several nouns claim (nearly) the same box, the most confident
 * claim wins, as in GenEval. Otherwise a single blob could be both the dog and the cat.
 * @param iou overlap above which two nouns' boxes count as one box
 * @returns the winning claims, most confident first
 */
export function assignToBestNoun(detections: readonly Detection[], iou = 0.9): Detection[] {
  return keepGreedily(
    detections,
    (kept, candidate) =>
      normalizeNoun(kept.noun) !== normalizeNoun(candidate.noun) &&
      intersectionOverUnion(kept.box, candidate.box) > iou,
  );
}

// A centre and a size in [0, 1] can reach half an image beyond the border, and no further.
const LOWEST = -0.5;
const HIGHEST = 1.5;

/**
 * Checks what a detector returned; boxes in pixels are the usual mistake.
 * @throws BicotError `reward` for a non-finite score, inverted corners or a box that is not normalised
 */
export function checkDetections(detections: readonly Detection[]): void {
  detections.forEach(({ noun, box, score }, index) => {
    const corners = [box.x0, box.y0, box.x1, box.y1];
    const normalised = corners.every((v) => v >= LOWEST && v <= HIGHEST);
    if (Number.isFinite(score) && normalised && box.x0 <= box.x1 && box.y0 <= box.y1) return;
    throw new BicotError(
      'reward',
      `detection ${index} ("${noun}") has score ${score} and box [${corners.join(', ')}]; expected a finite ` +
        'score and corners x0 <= x1, y0 <= y1 as fractions of the image sides. Divide pixel boxes by the ' +
        'width and height, and turn centre-and-size boxes into corners.',
    );
  });
}

/**
 * The distinct objects among detections: one noun per box, one box per object, most confident first.
 * @throws BicotError `reward` for a non-finite score, inverted corners or a box that is not normalised
 */
export function distinctObjects(detections: readonly Detection[]): Detection[] {
  checkDetections(detections);
  return nonMaximumSuppression(assignToBestNoun(detections));
}
