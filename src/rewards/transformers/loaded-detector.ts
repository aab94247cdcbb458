import type { RgbImage } from '../../policy/policy.js';
import type { Box, Detection } from '../detection.js';
import type { Numbers } from './tensors.js';
import type { TextImageParts } from './text-image-model.js';

/** How a family of models is asked. */
export interface DetectorFamily {
  /** Above which a detection counts. */
  readonly threshold: number;
  /**
   * Runs the model once.
   * @param texts what stands for each noun in the model's input
   */
  detect(
    where: string,
    parts: TextImageParts,
    image: RgbImage,
    texts: readonly string[],
  ): Promise<Candidates>;
}

/** What a model says of all its boxes. */
export interface Candidates {
  /** `[1, boxes, 4]`: centre and size, as fractions of the image's sides. */
  readonly boxes: Numbers;
  /** That box `box` shows noun `noun`, in [0, 1]. */
  confidence(box: number, noun: number): number;
}

/** Those that the model is confident of; a box may be there for several nouns. */
export function confidentOnes(
  { boxes, confidence }: Candidates,
  nouns: readonly string[],
  threshold: number,
): readonly Detection[] {
  const found: Detection[] = [];
  for (let box = 0; box < (boxes.dims[1] as number); box++) {
    for (const [j, noun] of nouns.entries()) {
      const score = confidence(box, j);
      if (score > threshold) found.push({ noun, box: corners(boxes.data, 4 * box), score });
    }
  }
  return found;
}

function corners(data: ArrayLike<number>, at: number): Box {
  const [x, y, width, height] = [0, 1, 2, 3].map((i) => data[at + i] as number) as [
    number,
    number,
    number,
    number,
  ];
  return { x0: x - width / 2, y0: y - height / 2, x1: x + width / 2, y1: y + height / 2 };
}

/** 1 / (1 + e⁻ˣ); 0 for the −∞ of padding. */
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
