/** Sessions, direct log-probs, guidance, leaks: faults planted in a right policy are found, and by the check named for them alone. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { contexts, type Fault, findings, findsAlone, right } from '../../../test/support/planted-faults.js';
import { withSessions } from '../../../test/support/policy-faults.js';
import { context, IMAGE } from '../../../test/support/tabular-policy.js';
import type { Policy } from '../../policy/policy.js';
import { uniformStream } from '../../tensor/noise.js';

describe('a decoding session', () => {
  const scaled = (factor: number) =>
    withSessions(right, (session) => ({
      ...session,
      next: (tokens) => tf.tidy(() => tf.mul(session.next(tokens), factor)),
    }));
  findsAlone([
    ...[1.001, 1.1, 2].map(
      (factor): Fault => [
        `that is not the model, by ${factor}`,
        () => scaled(factor),
        'startDecoding equals logits in image',
      ],
    ),
    [
      'with the wrong number of rows',
      () => withSessions(right, (session) => ({ ...session, rows: contexts.length })),
      'decoding session in image',
    ],
    [
      'that cannot be disposed twice',
      () => {
        return withSessions(right, (session) => {
          let open = true;
          return {
            ...session,
            dispose: () => {
              session.dispose();
              if (!open) throw new Error('no cache to free');
              open = false;
            },
          };
        });
      },
      'decoding session in image',
    ],
    [
      'that keeps its cache in the policy',
      () => {
        let position = 0;
        return withSessions(right, (session) => ({
          ...session,
          next: (tokens) => {
            position = tokens === undefined ? 0 : position + 1;
            return position < IMAGE.length
              ? session.next(tokens)
              : tf.tidy(() => tf.mul(session.next(tokens), 0.5));
          },
        }));
      },
      'decoding session in image',
    ],
    [
      'whose samples of one context share a cache',
      () =>
        withSessions(right, (session) => ({
          ...session,
          // The second sample of each context is fed the first one's token.
          next: (tokens) => session.next(tokens?.map((_, i, all) => all[i - (i % 2)] as number)),
        })),
      'decoding session in image',
    ],
    [
      'that keeps other rows than it is told',
      () =>
        withSessions(right, (session) => ({
          ...session,
          keep: (rows) => session.keep?.(rows.map((_, place) => place)),
        })),
      'decoding session in image',
    ],
    ...[1e-3, 1].map(
      (strength): Fault => [
        `whose rows notice what the first is fed, by ${strength}`,
        () =>
          withSessions(right, (session) => {
            let last: number | undefined;
            return {
              ...session,
              next: (tokens) => {
                const repeated = tokens !== undefined && tokens[0] === last;
                last = tokens?.[0];
                const shift = new Float32Array(IMAGE.size);
                shift[0] = repeated ? strength : 0;
                return tf.tidy(() => tf.add(session.next(tokens), tf.tensor1d(shift)));
              },
            };
          }),
        'decoding session in image',
      ],
    ),
  ]);
});

describe('logProbs', () => {
  const changed = (change: (values: tf.Tensor2D) => tf.Tensor): Partial<Policy> => ({
    logProbs: (...args) =>
      tf.tidy(() => {
        const values = right.logProbs?.(...args) as tf.Tensor2D;
        return args[2] === 'image' ? (change(values) as tf.Tensor2D) : values;
      }),
  });
  const halved = tf.customGrad((x) => ({
    value: tf.clone(x as tf.Tensor),
    gradFunc: (dy) => tf.mul(dy, 0.5),
  }));
  findsAlone([
    ...[1e-3, 1].map(
      (shift): Fault => [
        `off by ${shift}`,
        () => changed((values) => tf.add(values, shift)),
        'logProbs equals logits in image',
      ],
    ),
    [
      'that ignore the temperature',
      () => ({
        logProbs: (rows, completion, space, temperature) =>
          right.logProbs?.(rows, completion, space, space === 'image' ? 1 : temperature) as tf.Tensor2D,
      }),
      'logProbs equals logits in image',
    ],
    ['with a wrong gradient', () => changed((values) => halved(values)), 'logProbs gradients in image'],
  ]);
});

describe('guidance', () => {
  findsAlone([
    ...[1.001, 1.5].map(
      (factor): Fault => [
        `whose decoding of unconditional contexts is not the model, by ${factor}`,
        () => ({
          // Contexts of no tokens, as the twins are: of the conditional ones, fewer than half are empty.
          ...withSessions(right, (session, [contexts, , { samplesPerContext }]) => {
            if (2 * contexts.filter(({ ids }) => ids.length === 0).length < contexts.length) return session;
            const factors = contexts.flatMap(({ ids }) =>
              new Array<number>(samplesPerContext).fill(ids.length > 0 ? 1 : factor),
            );
            return {
              ...session,
              next: (tokens) =>
                tf.tidy(() => tf.mul(session.next(tokens), tf.tensor2d(factors, [factors.length, 1]))),
            };
          }),
        }),
        'guidance in image',
      ],
    ),
  ]);

  it('whose twins are random, or cannot be scored', async () => {
    const noise = uniformStream('twins');
    const random = () => context(Math.floor(8 * noise()));
    const both = (check: string) => [`${check} in text`, `${check} in image`];
    expect(await findings({ unconditional: random })).toEqual(both('unconditional'));
    const unscorable = () => ({ ids: undefined as unknown as Int32Array });
    expect(await findings({ unconditional: unscorable })).toEqual(both('unconditional'));
  });

  it('that does nothing', async () => {
    expect(await findings({ unconditional: (context) => context })).toEqual([
      'unconditional in text (warning)',
      'unconditional in image (warning)',
    ]);
  });
});

describe('leaks', () => {
  const leak = <T>(result: T): T => {
    tf.scalar(1);
    return result;
  };
  findsAlone([
    [
      'of logProbs',
      () => ({
        logProbs: (...args) => {
          const values = right.logProbs?.(...args) as tf.Tensor2D;
          return args[2] === 'image' ? leak(values) : values;
        },
      }),
      'no leaks in image',
    ],
    ['of sessions', () => withSessions(right, (session) => leak(session)), 'no leaks in image'],
    [
      'of sessions that are not freed',
      () => withSessions(right, (session) => ({ ...session, dispose: () => {} })),
      'no leaks in image',
    ],
  ]);

  it('of logits', async () => {
    const logits: Policy['logits'] = (...args) => leak(right.logits(...args));
    expect(await findings({ logits, logProbs: undefined })).toEqual([
      'no leaks in text',
      'no leaks in image',
    ]);
  });
});
