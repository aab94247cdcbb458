import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { encodePng } from '../../image/png.js';
import type { RgbImage } from '../../policy/policy.js';
import { writeFileAtomic } from '../files.js';
import { removeLeftovers } from './leftovers.js';
import { patiently } from './patience.js';
import { PICTURES, type PictureKind, type PictureRecord } from './picture-record.js';
import { type Cut, recordFile, type StepRecord } from './record-file.js';

/** A record and its picture. */
export interface KeptPicture {
  readonly record: PictureRecord;
  readonly image: RgbImage;
}

/** `pictures.jsonl` and the pictures beside it, for some kinds of them. */
export interface PictureFile {
  /**
   * Writes the pictures of a step, maybe none, and then their records. Records of this and later steps, and their pictures,
   * are dropped first, as by `recordFile`.
   * @param pictures told whether there are pictures of before the step
   * @throws BicotError `file`
   */
  add(step: number, pictures: (first: boolean) => Promise<readonly KeptPicture[]>): Promise<void>;
}

/** @param kinds which records are this logger's own; others share the file */
export function pictureFile(folder: string, kinds: readonly PictureKind[], retries: number): PictureFile {
  const own = (record: StepRecord): boolean => kinds.some((kind) => kind === record.kind);
  const file = recordFile(join(folder, 'pictures.jsonl'), { retries, own });
  let empty = true;
  return {
    add: (step, pictures) =>
      file.add(step, async (cut) => {
        if (cut) {
          empty = !cut.kept.some((record) => own(record as StepRecord));
          await removePictures(folder, cut);
        }
        const made = await pictures(empty);
        for (const { record, image } of made) {
          const path = join(folder, record.image);
          await patiently(path, retries, () => writeFileAtomic(path, encodePng(image)));
        }
        if (made.length > 0) empty = false;
        return made.map(({ record }) => record);
      }),
  };
}

/** A picture that no record names is of no use. One that can't be removed does no harm. */
async function removePictures(folder: string, { dropped }: Cut): Promise<void> {
  const pictures = join(folder, PICTURES);
  await removeLeftovers(pictures, (name) => name.endsWith('.png'));
  for (const { image } of dropped) {
    // A file can say anything: only what lies in the folder of the pictures is removed.
    if (typeof image !== 'string' || image !== `${PICTURES}/${basename(image)}`) continue;
    await rm(join(pictures, basename(image)), { force: true }).catch(() => {});
  }
}
