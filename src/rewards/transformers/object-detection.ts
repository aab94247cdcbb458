import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, type NumberRule } from '../../options.js';
import { throwIfAborted } from './abort.js';
import type { Detector } from './detector.js';
import { groundingDino } from './grounding-dino.js';
import { imageFault } from './image.js';
import { type Loaded, lazyModel } from './lazy-model.js';
import { confidentOnes, type DetectorFamily } from './loaded-detector.js';
import { assertModelSource, MODEL_SOURCE_OPTIONS, type ModelSource } from './model-source.js';
import { owlV2, owlVit } from './owl-vit.js';
import { loadTextImageModel, type TextImageParts } from './text-image-model.js';

/** Options of `objectDetection`. */
export interface ObjectDetectionOptions extends ModelSource {
  /**
   * Above which confidence an object counts as found, in [0, 1). Default: 0.3 for Grounding DINO (T2I-R1's), 0.1 for OWL-ViT and
   * OWLv2.
   */
  readonly threshold?: number;
  /** What the model is asked for a noun. Default: the noun; OWL-ViT's authors write `a photo of a ${noun}`. */
  readonly text?: (noun: string) => string;
}

const WHERE = 'objectDetection';
const FAMILIES: Readonly<Record<string, DetectorFamily>> = {
  'grounding-dino': groundingDino,
  owlvit: owlVit,
  owlv2: owlV2,
};
const FRACTION: NumberRule = { words: 'at least 0 and below 1', test: (value) => value >= 0 && value < 1 };

interface Family extends TextImageParts {
  readonly family: DetectorFamily;
}

/**
 * A detector of objects by their names, from an ONNX model of Grounding DINO, OWL-ViT or OWLv2. With Grounding DINO all nouns
 * are one caption, and a noun's confidence is the mean over all its tokens; with the others each noun is a text of its own. The
 * model loads with the first call; one call is one run of it.
 * @param options where the model is: one graph `onnx/model.onnx` with outputs `logits` and `pred_boxes`
 * @returns the detector; who made it disposes it
 * @throws BicotError `value` for options. Its calls throw `reward` (the image has an impossible shape, nouns that the model can't
 *   tell apart or that are too many, no noun), `unsupported` (no package, another kind of model), `checkpoint` (a file is
 *   missing), `aborted`
 */
export function objectDetection(options: ObjectDetectionOptions): Detector & Loaded {
  assertKnownOptions(WHERE, options, [...MODEL_SOURCE_OPTIONS, 'threshold', 'text']);
  assertModelSource(WHERE, options);
  const { threshold, text = (noun) => noun } = options;
  if (threshold !== undefined) assertNumber(WHERE, 'threshold', threshold, FRACTION);
  const loaded = lazyModel(
    WHERE,
    () => load(options),
    ({ model }) => model.dispose(),
  );

  const detect: Detector = async (image, nouns, call) => {
    const fault = nouns.length === 0 ? 'there is no noun to look for' : imageFault(image);
    if (fault !== undefined) throw new BicotError('reward', `${WHERE}: ${fault}.`);
    throwIfAborted(WHERE, call?.signal);
    return loaded.use(async ({ family, ...parts }) => {
      throwIfAborted(WHERE, call?.signal); // loading may have taken long
      const candidates = await family.detect(WHERE, parts, image, nouns.map(text));
      return confidentOnes(candidates, nouns, threshold ?? family.threshold);
    });
  };
  return Object.assign(detect, { dispose: loaded.dispose });
}

async function load(source: ObjectDetectionOptions): Promise<Family> {
  const types = Object.keys(FAMILIES);
  const { parts, type } = await loadTextImageModel(
    WHERE,
    source,
    types,
    'AutoModelForZeroShotObjectDetection',
  );
  return { ...parts, family: FAMILIES[type] as DetectorFamily };
}
