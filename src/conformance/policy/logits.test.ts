/** Logits: faults planted in a right policy are found, and by the check named for them alone. */
import * as tf from '@tensorflow/tfjs';
import { describe } from 'vitest';
import { type Fault, findsAlone, right } from '../../../test/support/planted-faults.js';
import { onTokenZero, withLogits, withSessions } from '../../../test/support/policy-faults.js';
import { normalValues, uniformStream } from '../../tensor/noise.js';

const noise = uniformStream('dropout');
const noisy = <T extends tf.Tensor>(values: T, strength: number): T =>
  tf.tidy(
    () =>
      tf.add(
        values,
        tf.tensor(
          normalValues(noise, values.size).map((x) => x * strength),
          values.shape,
        ),
      ) as T,
  );

describe('a policy that is not the same twice', () => {
  findsAlone([
    ...[1e-4, 1e-3, 1e-2, 0.5].map(
      (strength): Fault => [
        `dropout of strength ${strength} in logits`,
        () => withLogits(right, (logits) => noisy(tf.zerosLike(logits), strength)),
        'determinism in image',
      ],
    ),
    ...[1e-3, 0.5].map(
      (strength): Fault => [
        `dropout of strength ${strength} in decoding only`,
        () =>
          withSessions(right, (session) => ({
            ...session,
            next: (tokens) => tf.tidy(() => noisy(session.next(tokens), strength)),
          })),
        'determinism in image',
      ],
    ),
    [
      'dropout in logProbs only',
      () => ({
        logProbs: (...args) => {
          const direct = () => right.logProbs?.(...args) as tf.Tensor2D;
          return args[2] === 'image' ? tf.tidy(() => noisy(direct(), 1e-3)) : direct();
        },
      }),
      'determinism in image',
    ],
  ]);
});

describe('logits', () => {
  findsAlone([
    [
      'of the wrong size',
      () => ({
        logProbs: undefined,
        logits: (rows, completion, space) =>
          space === 'image'
            ? tf.zeros([rows.length, completion.width, 4])
            : right.logits(rows, completion, space),
      }),
      'shapes in image',
    ],
    [
      'that are infinite',
      () => withLogits(right, (logits) => onTokenZero(logits, (row) => (row === 1 ? -Infinity : 0))),
      'shapes in image',
    ],
    ...[1e-4, 1e-2, 1].flatMap((strength): Fault[] => [
      [
        `of rows that see each other, by ${strength}`,
        () => withLogits(right, (logits) => onTokenZero(logits, () => strength * logits.shape[0])),
        'batch invariance in image',
      ],
      [
        `that depend on padding, by ${strength}`,
        () =>
          withLogits(right, (logits, { width, lengths }) =>
            onTokenZero(logits, (row) => strength * (width - (lengths[row] as number))),
          ),
        'padding invariance in image',
      ],
      [
        `that see their own token, by ${strength}`,
        () => withLogits(right, ({ shape }, { ids }) => tf.mul(strength, ownTokens(ids, shape))),
        'causality in image',
      ],
      [
        `that see the last token, by ${strength}`,
        () =>
          withLogits(right, (logits, { ids, width, lengths }) =>
            onTokenZero(
              logits,
              (row) => strength * (ids[row * width + (lengths[row] as number) - 1] as number),
            ),
          ),
        'causality in image',
      ],
      [
        `that are others in large batches, by ${strength}`,
        () =>
          withLogits(right, (logits) => onTokenZero(logits, () => (logits.shape[0] > 4 ? 10 * strength : 0))),
        'sampling in image',
      ],
    ]),
  ]);
  const ownTokens = (ids: Int32Array, shape: readonly number[]) =>
    tf.reshape(tf.cast(tf.oneHot(tf.tensor1d(ids, 'int32'), shape[2] as number), 'float32'), [...shape]);
});
