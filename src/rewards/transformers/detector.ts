import type { RgbImage } from '../../policy/policy.js';
import type { Detection } from '../detection.js';
import type { RewardCall } from '../reward.js';

/**
 * Finds objects by their names. `objectDetection` makes one of an ONNX model; any function of this shape will do, such as
 * one that asks a service.
 * @param image whose pixels it only reads
 * @param nouns distinct ones, at least one
 * @param call its signal is aborted when nobody waits any more
 * @returns every object that it is confident of; `noun` is one of the nouns as they were given, boxes are corners as fractions of
 *   the image's sides. One object may be there several times, the rules take care of that. An error of code `reward` is this
 *   picture's alone, every other one the whole call's
 */
export type Detector = (
  image: RgbImage,
  nouns: readonly string[],
  call?: RewardCall,
) => Promise<readonly Detection[]>;
