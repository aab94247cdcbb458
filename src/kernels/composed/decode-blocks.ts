import * as tf from '@tensorflow/tfjs';
import type { Decoder, DecoderBlock } from '../decode-blocks.js';
import { addRmsNorm, rmsNorm } from '../rms-norm.js';
import { swiglu } from '../swiglu.js';

/** `decodeBlocks` of the operations that it is made of. */
export function composedDecodeBlocks(x: tf.Tensor2D, decoder: Decoder): tf.Tensor2D {
  const { blocks, finalNorm, head, epsilon } = decoder;
  return tf.tidy(() => {
    let stream = x;
    let normed = rmsNorm(x, (blocks[0] as DecoderBlock).attentionNorm, epsilon);
    blocks.forEach(({ attention, output, gated, down, cache, mlpNorm }, i) => {
      const [q, k, v] = attention.multiply(normed) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const attended = cache.attend(q, k, v);
      ({ stream, normed } = addRmsNorm(stream, only(output.multiply(attended)), mlpNorm, epsilon));
      const [gate, up] = gated.multiply(normed) as [tf.Tensor2D, tf.Tensor2D];
      const next = blocks[i + 1]?.attentionNorm ?? finalNorm;
      ({ stream, normed } = addRmsNorm(stream, only(down.multiply(swiglu(gate, up))), next, epsilon));
    });
    return head ? joined(head.multiply(normed)) : normed;
  });
}

/** Column ranges side by side. */
function joined(pieces: readonly tf.Tensor2D[]): tf.Tensor2D {
  return pieces.length === 1 ? only(pieces) : tf.concat([...pieces], 1);
}

function only([first]: readonly tf.Tensor2D[]): tf.Tensor2D {
  return first as tf.Tensor2D;
}
