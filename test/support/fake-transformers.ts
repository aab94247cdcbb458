/** A stand-in for `@huggingface/transformers` that says what it was asked. */
import type { OnnxTensor, OnnxTensors, TransformersModule } from 'bicot/rewards/transformers';

/** One run of the fake model. */
export interface FakeRun {
  readonly texts: readonly string[];
  /** The first byte of each picture. */
  readonly images: readonly number[];
}

/** How the fake behaves. */
export interface FakeOptions {
  readonly type?: string;
  /** What the model gives. Default: embeddings `[byte, 1]` of pictures, `[length, 1]` of texts. */
  readonly outputs?: (run: FakeRun) => Record<string, OnnxTensor>;
  /** Called before the model answers. */
  readonly onRun?: (run: FakeRun) => void | Promise<void>;
  /** Rejections of loaders, by name. */
  readonly failing?: Readonly<Record<string, Error>>;
}

/** The fake, and what was done to it. */
export interface FakeTransformers {
  readonly transformers: TransformersModule;
  readonly runs: FakeRun[];
  /** `[loader, model, options]` of every `from_pretrained`. */
  readonly loaded: [loader: string, model: string, options: unknown][];
  readonly padding: unknown[];
  /** How often models were disposed. */
  disposals: number;
  /** Tensors that nobody disposed. */
  open: number;
}

class FakeRawImage {
  constructor(
    readonly data: Uint8Array | Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
    readonly channels: number,
  ) {}
}

export function fakeTransformers(options: FakeOptions = {}): FakeTransformers {
  const { type = 'clip', failing = {}, onRun } = options;
  const tensor = (data: ArrayLike<number | bigint>, dims: readonly number[], extra?: object): OnnxTensor => {
    fake.open++;
    let disposed = false;
    const dispose = () => {
      if (!disposed) fake.open--;
      disposed = true;
    };
    return { type: 'float32', data, dims, dispose, ...extra };
  };
  const embeddings = ({ texts, images }: FakeRun) => ({
    image_embeds: tensor(
      images.flatMap((byte) => [byte, 1]),
      [images.length, 2],
    ),
    text_embeds: tensor(
      texts.flatMap(({ length }) => [length, 1]),
      [texts.length, 2],
    ),
  });

  const model = Object.assign(
    async (inputs: OnnxTensors) => {
      const { texts } = inputs.input_ids as { texts: string[] };
      const { images } = inputs.pixel_values as { images: number[] };
      fake.runs.push({ texts, images });
      await onRun?.({ texts, images });
      return (options.outputs ?? embeddings)({ texts, images });
    },
    { config: { model_type: type }, dispose: async () => fake.disposals++ },
  );
  // A token is the length of a word.
  const idsOf = (text: string) => [1, ...text.split(' ').map(({ length }) => 10 + length), 2];
  const tokenizer = (
    texts: string | string[],
    told: { add_special_tokens?: boolean; return_tensor?: boolean; padding?: unknown } = {},
  ): unknown => {
    if (typeof texts === 'string') {
      return { input_ids: told.add_special_tokens === false ? idsOf(texts).slice(1, -1) : idsOf(texts) };
    }
    fake.padding.push(told.padding);
    const width = Math.max(...texts.map((text) => idsOf(text).length));
    const ids = texts.flatMap((text) => Array.from({ length: width }, (_, i) => BigInt(idsOf(text)[i] ?? 0)));
    return { input_ids: tensor(BigInt64Array.from(ids), [texts.length, width], { texts }) };
  };
  const processor = async (images: readonly FakeRawImage[]) => ({
    pixel_values: tensor([], [0], { images: images.map(({ data }) => data[0]) }),
    original_sizes: images.map(({ width, height }) => [height, width]),
  });
  const loader = <Loaded>(name: string, value: Loaded) => ({
    async from_pretrained(model: string, options: unknown): Promise<Loaded> {
      fake.loaded.push([name, model, options]);
      const error = failing[name];
      if (error) throw error;
      return value;
    },
  });

  const fake: FakeTransformers = {
    transformers: {
      AutoConfig: loader('AutoConfig', { model_type: type }),
      AutoModel: loader('AutoModel', model),
      AutoModelForZeroShotObjectDetection: loader('AutoModelForZeroShotObjectDetection', model),
      AutoModelForImageTextToText: loader('AutoModelForImageTextToText', model),
      AutoTokenizer: loader('AutoTokenizer', tokenizer),
      AutoProcessor: loader('AutoProcessor', processor as never),
      AutoImageProcessor: loader('AutoImageProcessor', processor as never),
      RawImage: FakeRawImage,
      Tensor: class {
        constructor(type: string, data: ArrayLike<number | bigint>, dims: readonly number[]) {
          Object.assign(this, tensor(data, dims), { type });
        }
      } as unknown as TransformersModule['Tensor'],
    },
    runs: [],
    loaded: [],
    padding: [],
    disposals: 0,
    open: 0,
  };
  return fake;
}
