import { BicotError, isBicotError, reasonOf } from '../../errors.js';
import { assertFlag } from '../../options.js';
import { loadTransformers, type OnnxConfig, type TransformersModule } from './package.js';

/** Where a model is and how it is loaded. */
export interface ModelSource {
  /**
   * A name on the Hugging Face hub, such as `onnx-community/grounding-dino-tiny-ONNX`; or a folder: a path that begins with
   * `/`, `./`, `../` or a drive, or an address of `file:`. A folder has what a repository on the hub has:
   * `config.json`, the tokenizer's and the preprocessor's files, and `onnx/model.onnx`.
   */
  readonly model: string | URL;
  /**
   * Which files of weights: `fp32` is `model.onnx`, `fp16` is `model_fp16.onnx`, `q8` is `model_quantized.onnx`, …; for models of
   * several files, one for each. Default: as transformers.js chooses, which is `fp32` in Node.
   */
  readonly dtype?: string | Readonly<Record<string, string>>;
  /** What computes: `cpu`, `cuda`, `webgpu`, `wasm`, … Default: as transformers.js chooses. */
  readonly device?: string | Readonly<Record<string, string>>;
  /** Never download: what is not in the folder or the cache is an error. Default false; folders never download. */
  readonly localOnly?: boolean;
  /** Branch, tag or commit on the hub. Default `main`. */
  readonly revision?: string;
  /** For ONNX Runtime's sessions, such as `{ intraOpNumThreads: 2 }`: by default it takes all cores, as training does. */
  readonly sessionOptions?: Readonly<Record<string, unknown>>;
  /** The package itself, for users who bundle it or use another copy. Default: `import('@huggingface/transformers')`. */
  readonly transformers?: TransformersModule;
}

/** Names of the options of `ModelSource`, for `assertKnownOptions`. */
export const MODEL_SOURCE_OPTIONS: readonly string[] = [
  'model',
  'dtype',
  'device',
  'localOnly',
  'revision',
  'sessionOptions',
  'transformers',
];

/** A model that was found: everything to load its parts with. */
export interface FoundModel {
  readonly transformers: TransformersModule;
  /** Its name or path, for `from_pretrained`. */
  readonly name: string;
  readonly config: OnnxConfig;
  /** Its architecture, such as `clip`. */
  readonly type: string;
  /** For every `from_pretrained`. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * Loads parts of it, in parallel.
   * @throws BicotError `checkpoint` that names the file which is missing
   */
  load<Parts extends readonly unknown[]>(...parts: { [I in keyof Parts]: Promise<Parts[I]> }): Promise<Parts>;
}

/**
 * Checks a source before anything is loaded.
 * @throws BicotError `value`
 */
export function assertModelSource(where: string, { model, localOnly }: ModelSource): void {
  const named = typeof model === 'string' ? model.trim() !== '' : model instanceof URL;
  if (!named) {
    throw new BicotError(
      'value',
      `${where}: model is ${String(model)}, but must be a name on the Hugging Face hub or a folder. Pass e.g. 'Xenova/clip-vit-base-patch16' or './models/clip'.`,
    );
  }
  if (localOnly !== undefined) assertFlag(where, 'localOnly', localOnly);
}

/**
 * Reads a model's `config.json`, and sees whether it is of the right architecture before any weights are loaded.
 * @param types architectures (`model_type`) that will do
 * @throws BicotError `unsupported` without the package, or for another architecture; `checkpoint` if the file is missing or
 *   can't be read
 */
export async function findModel(
  where: string,
  source: ModelSource,
  types: readonly string[],
): Promise<FoundModel> {
  const transformers = await loadTransformers(where, source.transformers);
  const { name, folder } = place(where, source.model);
  const options = {
    local_files_only: folder || source.localOnly === true,
    ...(source.revision !== undefined && { revision: source.revision }),
    ...(source.dtype !== undefined && { dtype: source.dtype }),
    ...(source.device !== undefined && { device: source.device }),
    ...(source.sessionOptions !== undefined && { session_options: { ...source.sessionOptions } }),
  };
  const inWords = (error: unknown): unknown => loadError(where, name, folder, error);
  const config = await transformers.AutoConfig.from_pretrained(name, options).catch((error: unknown) => {
    throw inWords(error);
  });
  const type = String(config.model_type);
  if (!types.includes(type)) {
    throw new BicotError(
      'unsupported',
      `${where}: ${name} is a model of type '${type}', but must be one of ${types.join(', ')} (model_type in its config.json). Choose another model.`,
    );
  }
  return {
    transformers,
    name,
    config,
    type,
    options,
    async load<Parts extends readonly unknown[]>(...parts: { [I in keyof Parts]: Promise<Parts[I]> }) {
      // All are awaited, so that none is left behind that fails unseen.
      const settled = await Promise.allSettled(parts);
      const failed = settled.find((part) => part.status === 'rejected');
      if (!failed)
        return settled.map((part) => (part as PromiseFulfilledResult<unknown>).value) as unknown as Parts;
      for (const part of settled) {
        const { dispose } = ((part as Partial<PromiseFulfilledResult<unknown>>).value ?? {}) as {
          dispose?: () => Promise<unknown>;
        };
        if (dispose) await dispose.call((part as PromiseFulfilledResult<unknown>).value);
      }
      throw inWords(failed.reason);
    },
  };
}

/** What `from_pretrained` is to be called with. */
function place(where: string, model: string | URL): { readonly name: string; readonly folder: boolean } {
  const text = String(model).trim();
  if (/^file:/i.test(text)) {
    const path = decodeURIComponent(new URL(text).pathname);
    return { name: withoutSlash(path.replace(/^\/([a-z]:)/i, '$1')), folder: true };
  }
  if (/^[a-z][a-z+.-]+:/i.test(text)) {
    throw new BicotError(
      'value',
      `${where}: model is ${text}, but must be a name on the Hugging Face hub, a path or an address of file:. To load from a host of your own, set env.remoteHost of @huggingface/transformers.`,
    );
  }
  return /^(\.{0,2}[\\/]|[a-z]:[\\/])/i.test(text)
    ? { name: withoutSlash(text.replaceAll('\\', '/')), folder: true }
    : { name: text, folder: false };
}

const withoutSlash = (path: string): string => path.replace(/(?<=.)\/+$/, '');

/** What `from_pretrained` threw, in words; the file's name is in its message. */
function loadError(where: string, name: string, folder: boolean, cause: unknown): unknown {
  if (isBicotError(cause)) return cause;
  const reason = reasonOf(cause);
  const [, file] =
    reason.match(/(?:at|file|from:?|load model from)\s*:? "?([^"\n]+?\.(?:json|onnx|txt|model)[^"\s]*)"?/i) ??
    [];
  const missing = (cause as { readonly name?: unknown } | null)?.name === 'ModelFileNotFoundError';
  if (missing) {
    const advice = folder
      ? "Pass the folder of an ONNX model as it is on the hub, or choose another dtype, which is part of the file's name."
      : 'Check the name, whether the repository has ONNX files for this dtype, and localOnly.';
    return new BicotError('checkpoint', `${where}: ${file ?? `a file of ${name}`} was not found. ${advice}`, {
      cause,
    });
  }
  return new BicotError(
    'checkpoint',
    `${where}: ${name} can't be loaded (${reason.split('\n')[0]}). Download it again, or choose another model, dtype or device.`,
    { cause },
  );
}
