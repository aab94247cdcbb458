import type { ModelSizes } from '../estimate/sizes.js';
import type { JanusConfig } from './config.js';

/** Janus's sizes, for `estimateMemory` and `estimateFlops`. */
export function janusSizes({ language, image, vq }: JanusConfig): ModelSizes {
  const { layers, width, hidden, heads, vocabulary } = language;
  const table = image.vocabulary * image.embedding;
  const aligner = image.embedding * width + width + width ** 2 + width;
  const head = width ** 2 + width + width * image.vocabulary + image.vocabulary;
  return {
    ...{ layers, width, hidden, heads, decoder: vq },
    textVocabulary: vocabulary,
    imageVocabulary: image.vocabulary,
    imageLength: vq.grid ** 2,
    imageParameters: table + aligner + head,
    imageHeadFlops: 2 * (width ** 2 + width * image.vocabulary),
  };
}
