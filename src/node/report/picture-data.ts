import { type ChosenPictures, choosePictures, type PictureLimits, picturesOf } from './choose-pictures.js';
import type { PictureEncoder } from './picture-files.js';
import type { RunRecord } from './read-run.js';
import type { PictureData, RunData } from './report-data.js';
import type { RunPicture } from './run-picture.js';

/** What a report says of a run's pictures. */
export type RunPictures = Pick<RunData, 'tracked' | 'groups' | 'picturesNote'>;

/** Where a page finds a picture; undefined if there is none to be shown. */
export type PictureSource = (picture: RunPicture) => string | undefined;

const GENEROUS: PictureLimits = { trackedSteps: 8, groupSteps: 6, prompts: 12, perGroup: 16 };

/** From what is best to look at to what fits into the least. */
const INLINED: readonly (PictureLimits & { readonly pixels: number })[] = [
  { ...GENEROUS, pixels: 256 },
  { ...GENEROUS, pixels: 160 },
  { trackedSteps: 6, groupSteps: 4, prompts: 8, perGroup: 8, pixels: 160 },
  { trackedSteps: 6, groupSteps: 4, prompts: 8, perGroup: 8, pixels: 96 },
  { trackedSteps: 4, groupSteps: 2, prompts: 6, perGroup: 8, pixels: 96 },
  { trackedSteps: 3, groupSteps: 2, prompts: 4, perGroup: 4, pixels: 64 },
];

/**
 * A run's pictures within a page: as many and as large as fit.
 * @param most characters that all of them may take
 */
export async function inlinedPictures(
  { folder, pictures }: RunRecord,
  most: number,
  encode: PictureEncoder,
): Promise<RunPictures> {
  let shown: RunPictures | undefined;
  for (const limits of INLINED) {
    const chosen = choosePictures(pictures, limits);
    const urls = new Map<string, string>();
    let size = 0;
    for (const { image } of picturesOf(chosen)) {
      if (urls.has(image)) continue;
      const url = await encode(folder, image, limits.pixels);
      if (url === undefined) continue;
      if (size + url.length > most) {
        size = Number.POSITIVE_INFINITY;
        break;
      }
      size += url.length;
      urls.set(image, url);
    }
    shown = pictureData(pictures, chosen, ({ image }) => urls.get(image));
    if (size <= most) break;
  }
  return shown as RunPictures;
}

/** A run's pictures at addresses of a server. */
export function linkedPictures({ pictures }: RunRecord, source: PictureSource): RunPictures {
  return pictureData(
    pictures,
    choosePictures(pictures, { ...GENEROUS, trackedSteps: 12, groupSteps: 12 }),
    source,
  );
}

function pictureData(all: readonly RunPicture[], chosen: ChosenPictures, source: PictureSource): RunPictures {
  const show = (pictures: readonly RunPicture[]) => pictures.map((picture) => onePicture(picture, source));
  return {
    tracked: chosen.tracked.map(({ prompt, pictures }) => ({ prompt, pictures: show(pictures) })),
    groups: chosen.groups.map((group) => ({ ...group, pictures: show(group.pictures) })),
    picturesNote: note(all, picturesOf(chosen), source),
  };
}

function onePicture(picture: RunPicture, source: PictureSource): PictureData {
  const { step, plan, total, scores } = picture;
  const at = source(picture);
  return {
    step,
    ...(at !== undefined && { source: at }),
    ...(plan !== undefined && { plan }),
    total: Number.isFinite(total) ? total : null,
    scores,
  };
}

function note(all: readonly RunPicture[], chosen: readonly RunPicture[], source: PictureSource): string {
  if (all.length === 0) return '';
  const missing = chosen.filter((picture) => source(picture) === undefined).length;
  const some = [
    chosen.length < all.length
      ? `${chosen.length} of the run's ${all.length} pictures are in this report; the rest are left out, and lie in the run's folder.`
      : '',
    missing > 0
      ? `${missing} could not be shown: no such PNG file is in the run's folder, or it did not fit.`
      : '',
  ];
  return some.filter((sentence) => sentence !== '').join(' ');
}
