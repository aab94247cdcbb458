import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { embed } from '../../kernels/embedding.js';

/**
 * Rows of an embedding table that may be in pieces, with a gradient into each. They are the same bits however it is cut.
 * @param pieces row ranges `[Vᵢ, d]`, in order; at least one
 * @param ids `[M]`, in `[0, Σ Vᵢ)`
 * @returns `[M, d]`; the caller disposes it
 * @throws BicotError `token-range`
 */
export function embedRows(pieces: readonly tf.Tensor2D[], ids: Int32Array): tf.Tensor2D {
  assertIds(pieces, ids);
  return tf.tidy(() => {
    if (pieces.length === 1) return embed(pieces[0] as tf.Tensor2D, tf.tensor1d(ids, 'int32'));
    const found: tf.Tensor2D[] = [];
    const places = new Int32Array(ids.length);
    let first = 0;
    let count = 0;
    for (const piece of pieces) {
      const end = first + piece.shape[0];
      const own: number[] = [];
      ids.forEach((id, place) => {
        if (id < first || id >= end) return;
        places[place] = count + own.length;
        own.push(id - first);
      });
      if (own.length > 0) found.push(embed(piece, tf.tensor1d(own, 'int32')));
      count += own.length;
      first = end;
    }
    const [only] = found;
    // Of one piece they are in order already.
    if (only && found.length === 1) return only;
    if (!only) return tf.zeros([0, (pieces[0] as tf.Tensor2D).shape[1]]);
    return embed(tf.concat(found), tf.tensor1d(places, 'int32'));
  });
}

/** Backends read what is out of range as they like: some throw, some give zeros. */
function assertIds(pieces: readonly tf.Tensor2D[], ids: Int32Array): void {
  const rows = pieces.reduce((sum, { shape }) => sum + shape[0], 0);
  const at = ids.findIndex((id) => id < 0 || id >= rows);
  if (at < 0) return;
  throw new BicotError(
    'token-range',
    `embedRows: token id ${ids[at]} at place ${at} is outside the table's [0, ${rows}). Check which space the tokens are of.`,
  );
}
