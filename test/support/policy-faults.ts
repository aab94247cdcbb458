import * as tf from '@tensorflow/tfjs';
import type { DecodingSession, ImageSpace, Policy, RgbImage, TextSpace } from '../../src/policy/policy.js';
import type { TokenBatch } from '../../src/policy/tokens.js';
import type { TabularPolicy } from './tabular-policy.js';

/** The same policy with other logits: what is added to them, in the image space only. */
export function withLogits(
  right: TabularPolicy,
  added: (logits: tf.Tensor3D, completion: TokenBatch) => tf.Tensor,
): Partial<Policy> {
  return {
    logProbs: undefined,
    logits: (contexts, completion, space) =>
      tf.tidy(() => {
        const logits = right.logits(contexts, completion, space);
        return space === 'image' ? (tf.add(logits, added(logits, completion)) as tf.Tensor3D) : logits;
      }),
  };
}

/** `strength` in the logit of token 0 for some positions: `[N, T, V]`. */
export function onTokenZero(
  { shape }: tf.Tensor3D,
  strength: (row: number, t: number) => number,
): tf.Tensor3D {
  const [rows, width, size] = shape;
  const values = new Float32Array(rows * width * size);
  for (let row = 0; row < rows; row++) {
    for (let t = 0; t < width; t++) values[(row * width + t) * size] = strength(row, t);
  }
  return tf.tensor3d(values, shape);
}

/** The same policy with other sessions. */
export function withSessions(
  right: TabularPolicy,
  change: (
    session: DecodingSession,
    start: Parameters<NonNullable<Policy['startDecoding']>>,
  ) => DecodingSession,
): Partial<Policy> {
  return {
    startDecoding(...start) {
      const session = right.startDecoding?.(...start);
      if (session === undefined) throw new Error('no session');
      return start[1] === 'image' ? change(session, start) : session;
    },
  };
}

/** The same policy with another image space. */
export function withImageSpace(right: TabularPolicy, part: Partial<ImageSpace>): Partial<Policy> {
  return { spaces: { ...right.spaces, image: { ...right.spaces.image, ...part } as ImageSpace } };
}

/** The same policy with another text space. */
export function withTextSpace(right: TabularPolicy, part: Partial<TextSpace>): Partial<Policy> {
  return { spaces: { ...right.spaces, text: { ...right.spaces.text, ...part } as TextSpace } };
}

/** The same policy whose pictures are changed after decoding. */
export function withPictures(
  right: TabularPolicy,
  change: (pictures: RgbImage[], tokens: TokenBatch) => RgbImage[],
): Partial<Policy> {
  const { decode } = right.spaces.image as ImageSpace;
  return withImageSpace(right, { decode: async (tokens) => change((await decode?.(tokens)) ?? [], tokens) });
}
