import { BicotError } from '../../errors.js';
import type { TensorSource } from '../checkpoints/source.js';
import {
  LLAMAGEN_SIZES,
  type LlamaGenCondition,
  type LlamaGenConfig,
  type LlamaGenSize,
  llamaGenConfig,
} from './config.js';
import { LLAMAGEN_NAMES, llamaGenBlockNames } from './names.js';

/** What a file of weights does not say by its tensors. */
export interface LlamaGenSizeOptions {
  /** A published size, which the tensors must then have. Default: the one of their width and number of layers. */
  readonly size?: LlamaGenSize;
  /** Attention heads, for a size that was not published. Default: those of the published size. */
  readonly heads?: number;
  /**
   * Image tokens in a row and in a column. Default: by the file's name, which in published ones ends in the side of the
   * picture in pixels, such as `c2i_B_256.pt`.
   */
  readonly grid?: number;
}

/** A file of weights whose sizes are looked for. */
export interface LlamaGenFile {
  /** Its name. */
  readonly file: string;
  readonly source: TensorSource;
  /** What stands before the published names. */
  readonly prefix: string;
  /** Pixels of a token along a side. */
  readonly factor: number;
}

/**
 * The sizes of a checkpoint: those of its tensors, as far as they tell.
 * @throws BicotError `checkpoint` for tensors that are no LlamaGen's and for what must be given and was not; `value` for
 * options that can't be
 */
export function inferLlamaGenConfig(from: LlamaGenFile, options: LlamaGenSizeOptions): LlamaGenConfig {
  const { source } = from;
  const [vocabulary, width] = matrix(from, LLAMAGEN_NAMES.tokens);
  const layers = layersOf(from);
  const gate = llamaGenBlockNames(0).gate;
  return llamaGenConfig({
    ...{ vocabulary, width, layers },
    ...(source.tensors.has(from.prefix + gate) && { hidden: matrix(from, gate)[0] }),
    heads: headsOf(from, width, layers, options),
    condition: conditionOf(from),
    grid: options.grid ?? gridOf(from),
  });
}

const fail = ({ source }: LlamaGenFile, what: string): never => {
  throw new BicotError('checkpoint', `${source.path}: ${what}`);
};

/** The shape of a matrix, `[rows, columns]`. */
function matrix(from: LlamaGenFile, name: string): readonly [number, number] {
  const shape = from.source.tensors.get(from.prefix + name)?.shape ?? [];
  const [rows, columns] = shape;
  const fits = shape.length === 2 && shape.every((size) => size > 0);
  if (fits) return [rows as number, columns as number];
  return fail(from, `${from.prefix}${name} is [${shape.join(', ')}]; a matrix was expected.`);
}

/** Counted, not read off the largest number, which a damaged file could have without end. */
function layersOf(from: LlamaGenFile): number {
  const { source, prefix } = from;
  const found = new Set<string>();
  for (const name of source.tensors.keys()) {
    const own = name.startsWith(prefix) ? /^layers\.(\d+)\./.exec(name.slice(prefix.length)) : null;
    if (own) found.add(own[1] as string);
  }
  return found.size > 0 ? found.size : fail(from, 'it has no tensor of a layer (layers.0.…).');
}

function headsOf(
  from: LlamaGenFile,
  width: number,
  layers: number,
  { size, heads }: LlamaGenSizeOptions,
): number {
  if (size !== undefined) {
    if (!Object.hasOwn(LLAMAGEN_SIZES, size)) {
      throw new BicotError(
        'value',
        `loadLlamaGen: size is ${JSON.stringify(size)}; it must be one of ${Object.keys(LLAMAGEN_SIZES).join(', ')}.`,
      );
    }
    const published = LLAMAGEN_SIZES[size];
    if (published.width !== width || published.layers !== layers) {
      fail(
        from,
        `it has ${layers} layers of width ${width}, but ${size} has ${published.layers} of ${published.width}. Leave size out, or give the file of that size.`,
      );
    }
    return heads ?? published.heads;
  }
  if (heads !== undefined) return heads;
  const known = Object.values(LLAMAGEN_SIZES).find((each) => each.width === width && each.layers === layers);
  if (known) return known.heads;
  return fail(
    from,
    `no published size has ${layers} layers of width ${width}, and tensors do not tell how many heads there are. Give the option heads.`,
  );
}

function conditionOf(from: LlamaGenFile): LlamaGenCondition {
  const has = (name: string) => from.source.tensors.has(from.prefix + name);
  if (has(LLAMAGEN_NAMES.classes)) {
    return { kind: 'class', classes: matrix(from, LLAMAGEN_NAMES.classes)[0] - 1 };
  }
  if (has(LLAMAGEN_NAMES.noCaption)) {
    const [length, features] = matrix(from, LLAMAGEN_NAMES.noCaption);
    return { kind: 'text', features, length };
  }
  return fail(
    from,
    `it has neither ${LLAMAGEN_NAMES.classes} (of a class-conditional LlamaGen) nor ${LLAMAGEN_NAMES.noCaption} (of a text-conditional one).`,
  );
}

function gridOf(from: LlamaGenFile): number {
  const { file, factor } = from;
  const pixels = Number(/_(\d+)\.\w+$/.exec(file)?.[1]);
  if (pixels > 0 && pixels % factor === 0) return pixels / factor;
  return fail(
    from,
    `tensors do not tell how large its images are, and neither does its name (as c2i_B_256.pt does, of 256 pixels at ${factor} a token). Give the option grid, the tokens in a row.`,
  );
}
