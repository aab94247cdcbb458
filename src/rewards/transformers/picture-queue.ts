import type { RgbImage } from '../../policy/policy.js';
import type { EncodedPicture } from './picture-questions.js';

/** Calls in turn, and what they share. */
export interface PictureQueue {
  /** Runs a task when all before it have ended, whether well or not. */
  next<Result>(task: () => Promise<Result>): Promise<Result>;
  /**
   * A picture as the model has seen it, for a task that runs. The queue owns it.
   * @param encode shows it to the model, if no task before did that lately
   */
  picture(image: RgbImage, encode: () => Promise<EncodedPicture>): Promise<EncodedPicture>;
}

/** So many pictures stay encoded while calls overlap. */
const REMEMBERED = 4;

/**
 * One call at a time: rewards that share a model would otherwise hold their keys and values at once. A picture stays encoded
 * until nobody waits, so that rewards which go through the same samples side by side encode each picture once.
 */
export function pictureQueue(): PictureQueue {
  const encoded = new Map<RgbImage, EncodedPicture>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const forget = (keep: number): void => {
    for (const [image, picture] of encoded) {
      if (encoded.size <= keep) return;
      encoded.delete(image);
      picture.dispose();
    }
  };
  return {
    next(task) {
      waiting++;
      const run = last.then(task).finally(() => {
        // Nobody else waits: a picture may change before it is shown again.
        if (--waiting === 0) forget(0);
      });
      last = run.catch(() => {});
      return run;
    },
    async picture(image, encode) {
      const known = encoded.get(image);
      if (known) return known;
      forget(REMEMBERED - 1);
      const picture = await encode();
      encoded.set(image, picture);
      return picture;
    },
  };
}
