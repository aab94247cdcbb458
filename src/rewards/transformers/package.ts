import { BicotError } from '../../errors.js';

/** A tensor of transformers.js. */
export interface OnnxTensor {
  /** `float32`, `int64`, … */
  readonly type: string;
  /** Sizes of the axes. */
  readonly dims: readonly number[];
  /** A typed array, row-major; of BigInt for `int64`. */
  readonly data: unknown;
  /** Frees what it holds on a GPU. */
  dispose(): void;
}

/** Named tensors, among other things that a processor tells. */
export type OnnxTensors = Readonly<Record<string, unknown>>;

/** What transformers.js reads from a model's `config.json`. */
export interface OnnxConfig {
  /** The architecture's name, such as `clip`. */
  readonly model_type?: string | null;
  /** The longest caption that Grounding DINO reads, in tokens. */
  readonly max_text_len?: number;
}

/** A model of transformers.js: named tensors in, named tensors out. The caller disposes both. */
export interface OnnxModel {
  /** One forward pass, without gradients. */
  (inputs: OnnxTensors): Promise<OnnxTensors>;
  /** What its `config.json` says. */
  readonly config: OnnxConfig;
  /** Ends its sessions. */
  dispose(): Promise<unknown>;
}

/** A tokenizer of transformers.js. */
export type OnnxTokenizer = (text: string | string[], options?: object) => unknown;

/** A processor of transformers.js: of pictures, or of pictures and text; the order depends on the model. */
export type OnnxProcessor = (...inputs: readonly unknown[]) => Promise<OnnxTensors>;

/** A class of transformers.js that loads by name or folder. */
export interface OnnxLoader<Loaded> {
  /** Loads its part of a model, by a name on the hub or a folder. */
  from_pretrained(model: string, options?: object): Promise<Loaded>;
}

/** The part of the package `@huggingface/transformers` (version 4) that rewards use. */
export interface TransformersModule {
  /** Asked first: which kind of model it is. */
  readonly AutoConfig: OnnxLoader<OnnxConfig>;
  /** Models of text and pictures, for `imageTextSimilarity`. */
  readonly AutoModel: OnnxLoader<OnnxModel>;
  /** Detectors, for `objectDetection`. */
  readonly AutoModelForZeroShotObjectDetection: OnnxLoader<OnnxModel>;
  /** Vision-language models, for `yesNoModel`. */
  readonly AutoModelForImageTextToText: OnnxLoader<OnnxModel>;
  /** Text to ids, for `imageTextSimilarity` and `objectDetection`. */
  readonly AutoTokenizer: OnnxLoader<OnnxTokenizer>;
  /** Pictures and text to inputs, for `yesNoModel`. */
  readonly AutoProcessor: OnnxLoader<OnnxProcessor>;
  /** Pictures to inputs, for `imageTextSimilarity` and `objectDetection`. */
  readonly AutoImageProcessor: OnnxLoader<OnnxProcessor>;
  /** A picture; the pixels are not copied. */
  readonly RawImage: new (
    data: Uint8Array | Uint8ClampedArray,
    width: number,
    height: number,
    channels: 1 | 2 | 3 | 4,
  ) => object;
  /** Makes a tensor of values, row-major. */
  readonly Tensor: new (
    type: 'float32' | 'int64',
    data: BigInt64Array | Float32Array,
    dims: number[],
  ) => OnnxTensor;
}

/**
 * Loads `@huggingface/transformers`, which bicot does not bring.
 * @param where who needs it, for the message
 * @param given the package itself, of a user who bundles it
 * @throws BicotError `unsupported` if it can't be imported
 */
export async function loadTransformers(
  where: string,
  given?: TransformersModule,
): Promise<TransformersModule> {
  if (given !== undefined) return given;
  try {
    // A name in plain sight, for bundlers. It is an optional peer, so the compiler need not know it.
    // @ts-expect-error not installed in this project
    return (await import('@huggingface/transformers')) as TransformersModule;
  } catch (cause) {
    throw new BicotError(
      'unsupported',
      `${where}: the package @huggingface/transformers ${wrongWith(cause)}. Run \`npm i @huggingface/transformers\`, or pass the imported module as \`transformers\`.`,
      { cause },
    );
  }
}

function wrongWith(cause: unknown): string {
  const reason = cause instanceof Error ? (cause.message.split('\n')[0] as string) : String(cause);
  // As Node, bundlers and browsers say it.
  const missing =
    /(cannot find|could not resolve|failed to (load|resolve)|resolve module).*@huggingface\/transformers/i.test(
      reason,
    );
  return missing ? 'is not installed' : `can't be loaded (${reason})`;
}
