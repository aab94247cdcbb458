import type * as tf from '@tensorflow/tfjs';
import { runKernel } from './run.js';

/** Inputs table, ids; attribute rows (of the table); output the rows. */
export const GATHER_ROWS = 'BicotGatherRows';
/** Inputs x, ids; attribute rows; output the sums of x by id. */
export const SCATTER_ADD_ROWS = 'BicotScatterAddRows';

export function fusedEmbed(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  return runKernel<tf.Tensor2D>(GATHER_ROWS, { table, ids }, { rows: table.shape[0] });
}

export const EMBEDDING_GRADIENTS: readonly tf.GradConfig[] = [
  {
    kernelName: GATHER_ROWS,
    inputsToSave: ['ids'],
    gradFunc: (dy, saved, attributes) => {
      const [ids] = saved as [tf.Tensor];
      const { rows } = attributes as unknown as { rows: number };
      return { table: () => runKernel<tf.Tensor2D>(SCATTER_ADD_ROWS, { x: dy as tf.Tensor, ids }, { rows }) };
    },
  },
];
