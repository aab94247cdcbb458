import type { RgbImage } from '../../policy/policy.js';
import { toRawImage } from './image.js';
import { type DetectorFamily, sigmoid } from './loaded-detector.js';
import type { OnnxTensors } from './package.js';
import { disposeTensors, type Numbers, outputNumbers } from './tensors.js';
import type { TextImageParts } from './text-image-model.js';
import { tokenize } from './tokens.js';

/** OWL-ViT: one text per noun, each with confidences of its own. */
export const owlVit: DetectorFamily = {
  threshold: 0.1,
  async detect(where, parts, image, texts) {
    const { logits, boxes } = await run(where, parts, image, texts);
    const columns = logits.dims[2] as number;
    return { boxes, confidence: (box, noun) => sigmoid(logits.data[box * columns + noun] as number) };
  },
};

/** OWLv2: as OWL-ViT, on squares: pictures are filled up with grey to the right and below, as it was trained. */
export const owlV2: DetectorFamily = {
  ...owlVit,
  async detect(where, parts, image, texts) {
    const square = toSquare(image);
    const found = await owlVit.detect(where, parts, square, texts);
    const scales = [square.width / image.width, square.height / image.height] as const;
    const data = Array.from(found.boxes.data, (value, i) => value * scales[(i % 2) as 0 | 1]);
    return { ...found, boxes: { ...found.boxes, data } };
  },
};

async function run(
  where: string,
  { transformers, model, tokenizer, processor }: TextImageParts,
  image: RgbImage,
  texts: readonly string[],
): Promise<{ readonly logits: Numbers; readonly boxes: Numbers }> {
  let [words, pixels, outputs]: (OnnxTensors | undefined)[] = [];
  try {
    words = tokenize(where, tokenizer, texts, true);
    // One picture: the graph divides the texts among pictures.
    pixels = await processor([toRawImage(transformers, image)]);
    outputs = await model({ ...words, ...pixels });
    return {
      logits: outputNumbers(where, outputs, 'logits', 3),
      boxes: outputNumbers(where, outputs, 'pred_boxes', 3),
    };
  } finally {
    disposeTensors(words, pixels, outputs);
  }
}

const GREY = 128;

function toSquare(image: RgbImage): RgbImage {
  const { width, height, data } = image;
  if (width === height) return image;
  const side = Math.max(width, height);
  const square = new Uint8Array(side * side * 3).fill(GREY);
  for (let y = 0; y < height; y++) {
    square.set(data.subarray(y * width * 3, (y + 1) * width * 3), y * side * 3);
  }
  return { width: side, height: side, data: square };
}
