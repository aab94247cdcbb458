/** Pictures through a model's own processor. */
import { loadTransformers, type OnnxTensor } from 'bicot/rewards/transformers';
import { toRawImage } from '../../../src/rewards/transformers/image.js';
import { resizeAsPil } from '../../../src/rewards/transformers/resize-as-pil.js';
import { modelFolder, picture } from '../../support/vision.js';

/** The three pictures of a size, as the model takes them. */
export async function processPictures(
  folder: string,
  [width, height]: readonly [number, number],
  which: readonly number[] = [0, 1, 2],
  how: 'pil' | 'sharp' = 'pil',
): Promise<Record<string, OnnxTensor>> {
  const transformers = await loadTransformers('test');
  const { pathname } = modelFolder(folder);
  const processor = await transformers.AutoImageProcessor.from_pretrained(pathname, {
    local_files_only: true,
  });
  if (how === 'pil') resizeAsPil(transformers, processor);
  const images = which.map((which) => toRawImage(transformers, picture(width, height, which)));
  return (await processor(images)) as Record<string, OnnxTensor>;
}
