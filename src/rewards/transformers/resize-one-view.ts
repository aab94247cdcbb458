import type { RgbImage } from '../../policy/policy.js';
import type { OnnxProcessor, TransformersModule } from './package.js';
import { resample } from './resample.js';

/** What a processor of pictures in transformers.js is made of, as far as it resizes. */
interface Resizing {
  readonly size?: unknown;
  readonly resample?: number;
  /** Of Idefics3 and SmolVLM: the side of one view. */
  readonly max_image_size?: { readonly longest_edge?: number };
  get_resize_output_image_size(image: object, size: unknown): readonly [number, number];
  resize(image: RgbImage): Promise<object>;
}

/**
 * Has the processor of a vision-language model resize by PIL's filters, as its own in Python does. `resizeAsPil` says why, and is
 * for processors that read `size` as most do; Qwen2-VL's edges are counts of pixels.
 *
 * Idefics3 and SmolVLM enlarge to 2048 pixels first and then shrink to one view of 512, half a second of work; this goes there
 * directly. The pixels of a picture of 384 × 384 differ from Python's by 0.002 to 0.005 on average, of a range of 2; the
 * package's own by 0.011 to 0.024.
 * @param processor of pictures; its way to resize is replaced
 */
export function resizeOneView({ RawImage }: TransformersModule, processor: OnnxProcessor | undefined): void {
  const resizing = processor as unknown as Partial<Resizing> | undefined;
  if (!canResize(resizing)) return;
  resizing.resize = async (image) => {
    const side = resizing.max_image_size?.longest_edge;
    const [width, height] =
      side === undefined ? resizing.get_resize_output_image_size(image, resizing.size) : [side, side];
    const { data } = resample(image, width, height, resizing.resample ?? 2);
    return new RawImage(data, width, height, 3);
  };
}

const canResize = (processor: Partial<Resizing> | undefined): processor is Resizing =>
  typeof processor?.resize === 'function' && typeof processor.get_resize_output_image_size === 'function';
