import type * as tf from '@tensorflow/tfjs';
import type { Block } from './blocks.js';
import type { Matrix } from './matrix.js';

/** The modules of the matrices of one block, by their paths in the model. */
export type BlockPaths = Readonly<
  Record<'query' | 'key' | 'value' | 'output' | 'gate' | 'up' | 'down', string>
>;

const entriesOf = (paths: BlockPaths) => Object.entries(paths) as [keyof BlockPaths, string][];

/**
 * The matrices of all blocks by module path, for adapters.
 * @param pathsOf of a layer
 */
export function matricesByPath(
  blocks: readonly Block[],
  pathsOf: (layer: number) => BlockPaths,
): Map<string, tf.Tensor2D> {
  return new Map(
    blocks.flatMap((block, layer) =>
      entriesOf(pathsOf(layer)).map(([key, path]) => [path, block[key] as tf.Tensor2D] as const),
    ),
  );
}

/**
 * The same blocks with other matrices in some places.
 * @param replacement by module path
 */
export function replaceMatricesByPath(
  blocks: readonly Block[],
  pathsOf: (layer: number) => BlockPaths,
  replacement: (path: string) => Matrix | undefined,
): Block[] {
  return blocks.map((block, layer) => ({
    ...block,
    ...Object.fromEntries(
      entriesOf(pathsOf(layer)).flatMap(([key, path]) => {
        const other = replacement(path);
        return other ? [[key, other]] : [];
      }),
    ),
  }));
}
