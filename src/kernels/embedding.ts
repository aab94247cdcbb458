import type * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedEmbed } from './composed/embedding.js';
import { fusedEmbed, GATHER_ROWS } from './fused/embedding.js';

/**
 * Rows of a matrix by index: an embedding lookup, or picking positions out of a flattened sequence. Its gradient sums
 * rows of the same index.
 * @param table `[V, d]`
 * @param ids `[N]`, int32, each in `[0, V)` (validate on the host: some backends read zeros instead of throwing)
 * @returns `[N, d]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function embed(table: tf.Tensor2D, ids: tf.Tensor1D): tf.Tensor2D {
  assertShape('embed: table', table, [null, null], '[V, d]');
  assertShape('embed: ids', ids, [null], '[N]');
  return isFused(GATHER_ROWS, [table], [ids]) ? fusedEmbed(table, ids) : composedEmbed(table, ids);
}
