import type { RgbImage } from '../../policy/policy.js';
import type { OnnxProcessor, TransformersModule } from './package.js';
import { resample } from './resample.js';

/** What a processor of pictures in transformers.js is made of, as far as it resizes. */
interface Resizing {
  size?: { readonly shortest_edge?: number; readonly longest_edge?: number };
  resample?: number;
  get_resize_output_image_size(image: object, size: unknown): readonly [number, number];
  resize(image: RgbImage): Promise<object>;
}

/**
 * Has a processor resize as the model's own in Python does. The package's way differs: by sharp it samples without
 * filtering what shrinks, and shifts what grows by up to half a pixel; in browsers it ignores the filter that the model wants; and
 * where a picture's shorter side is given with a limit for the longer, as for Grounding DINO, it makes the longer as long as the
 * limit (4.3.2): 384 × 384 become 1333 × 1333 and not 800 × 800.
 * @param processor is changed
 * @returns the processor
 */
export function resizeAsPil({ RawImage }: TransformersModule, processor: OnnxProcessor): OnnxProcessor {
  const resizing = processor as unknown as Partial<Resizing>;
  if (!canResize(resizing)) return processor;
  resizing.resize = async (image) => {
    const [width, height] = sizeOf(resizing, image);
    const { data } = resample(image, width, height, resizing.resample ?? 2);
    return new RawImage(data, width, height, 3);
  };
  return processor;
}

const canResize = (processor: Partial<Resizing>): processor is Resizing =>
  typeof processor.resize === 'function' && typeof processor.get_resize_output_image_size === 'function';

function sizeOf(processor: Resizing, image: RgbImage): readonly [number, number] {
  const { shortest_edge, longest_edge } = processor.size ?? {};
  if (shortest_edge === undefined || longest_edge === undefined) {
    return processor.get_resize_output_image_size(image, processor.size);
  }
  return withinEdges(image, shortest_edge, longest_edge);
}

/**
 * The size whose shorter side is `shortest`, or less where the longer would exceed `longest`: `get_size_with_aspect_ratio` of
 * transformers.
 */
export function withinEdges(
  { width, height }: { readonly width: number; readonly height: number },
  shortest: number,
  longest: number,
): readonly [width: number, height: number] {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const exceeds = (long / short) * shortest > longest;
  const exact = exceeds ? (longest * short) / long : shortest;
  const side = roundHalfEven(exact);
  if (short === side) return [width, height];
  const other = Math.trunc((exact * long) / short);
  return width < height ? [side, other] : [other, side];
}

/** As Python's `round`. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
