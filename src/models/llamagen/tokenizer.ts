import { BicotError, firstLineOf } from '../../errors.js';
import type { TensorSource } from '../checkpoints/source.js';
import { type VqDecoderConfig, vqDecoderConfig } from '../vq/config.js';
import { vqParameterShapes } from '../vq/names.js';
import { firstNames, wrapperPrefix } from './names.js';
import { planTensors, type TensorPlan } from './plan.js';

/** The codebook, which every image tokenizer has. */
const CODEBOOK = 'quantize.embedding.weight';

/** A file of an image tokenizer, of which the grid is not known yet. */
export interface TokenizerFile {
  readonly source: TensorSource;
  readonly prefix: string;
  /** Pixels of a token along a side. */
  readonly factor: number;
  /** The decoder's sizes for images of so many tokens along a side. */
  config(grid: number): VqDecoderConfig;
}

/**
 * Reads off the tensors' shapes what decoder they are of.
 * @throws BicotError `checkpoint` if they are of none
 */
export function inspectTokenizer(source: TensorSource): TokenizerFile {
  const { path, tensors } = source;
  const names = new Set(tensors.keys());
  const prefix = wrapperPrefix(names, CODEBOOK);
  if (prefix === undefined) {
    throw new BicotError(
      'checkpoint',
      `${path} is no image tokenizer of LlamaGen's: it has no ${CODEBOOK}, neither as such nor under model, module or state_dict. It holds ${firstNames(names)}; give it a file such as vq_ds16_c2i.pt.`,
    );
  }
  const sizes = (name: string): readonly number[] => tensors.get(prefix + name)?.shape ?? [];
  const levels = distinct(names, prefix, /^decoder\.conv_blocks\.(\d+)\./);
  const blocks = distinct(names, prefix, /^decoder\.conv_blocks\.0\.res\.(\d+)\./);
  const [codebookSize, embedding] = sizes(CODEBOOK) as [number, number];
  const [latent] = sizes('post_quant_conv.weight') as [number];
  const channels = sizes('decoder.conv_out.weight')[1] as number;
  const widths = Array.from({ length: levels }, (_, level) => {
    const [out] = sizes(`decoder.conv_blocks.${levels - 1 - level}.res.0.conv1.weight`);
    return (out as number) / channels;
  });
  return {
    ...{ source, prefix, factor: 2 ** Math.max(0, levels - 1) },
    config(grid) {
      try {
        const resBlocks = blocks - 1;
        return vqDecoderConfig({
          ...{ codebookSize, embedding, latent, channels, resBlocks, grid },
          multipliers: widths,
        });
      } catch (cause) {
        throw new BicotError(
          'checkpoint',
          `${path} has not the tensors of LlamaGen's image decoder (${firstLineOf(cause)}). Give it a file such as vq_ds16_c2i.pt.`,
          { cause },
        );
      }
    },
  };
}

/** How many numbers stand in a place of names. */
function distinct(names: ReadonlySet<string>, prefix: string, pattern: RegExp): number {
  const found = [...names].flatMap((name) =>
    name.startsWith(prefix) ? (pattern.exec(name.slice(prefix.length))?.[1] ?? []) : [],
  );
  return new Set(found).size;
}

/** The plan of a tokenizer's file. @throws BicotError `checkpoint` */
export function planTokenizer(config: VqDecoderConfig, { source, prefix }: TokenizerFile): TensorPlan {
  return planTensors(source, {
    prefix,
    shapes: vqParameterShapes(config).map(({ name, shape }) => [name, shape] as const),
    mayBeLeft: /^(encoder|quant_conv)\.|^quantize\.codebook_used$/,
    advice: "These are not the tensors of LlamaGen's image decoder; fetch the file again.",
  });
}

/** As LlamaGen's evaluation makes bytes, in float32: `trunc(clip(127.5 x + 128, 0, 255))`. */
export function llamaGenByte(value: number): number {
  const scaled = Math.fround(Math.fround(value * 127.5) + 128);
  return Math.trunc(Math.min(Math.max(scaled, 0), 255));
}
