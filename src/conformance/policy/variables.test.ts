/** Variables: faults planted in a right policy are found, and by the check named for them alone. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { contexts, type Fault, findings, findsAlone, right } from '../../../test/support/planted-faults.js';
import { withSessions } from '../../../test/support/policy-faults.js';
import { checkPolicy } from './check-policy.js';

describe('variables', () => {
  const idle = () => tf.variable(tf.zeros([2]));
  const bias = () => right.variables['text/bias'] as tf.Variable;
  findsAlone([
    ['none', () => ({ variables: {} }), 'variables'],
    [
      'that nothing depends on',
      () => ({ variables: { ...right.variables, idle: idle() } }),
      'every variable is used',
    ],
    [
      'that are frozen',
      () => ({ variables: { ...right.variables, frozen: tf.variable(tf.zeros([1]), false) } }),
      'variables',
    ],
    [
      'that are disposed',
      () => {
        const gone = idle();
        gone.dispose();
        return { variables: { ...right.variables, gone } };
      },
      'variables',
    ],
    ['under two names', () => ({ variables: { ...right.variables, again: bias() } }), 'variables'],
    ...[1e-6, 1].map(
      (step): Fault => [
        `that decoding moves, by ${step}`,
        () =>
          // The text space has been checked by then, so that nothing else notices.
          withSessions(right, (session) => {
            tf.tidy(() => bias().assign(tf.add(bias(), step)));
            return session;
          }),
        'weights untouched',
      ],
    ),
  ]);

  it('of which this space uses none', async () => {
    const variables = { 'text/bias': bias() };
    const before = tf.memory().numTensors;
    expect(await findings({ variables })).toEqual(['gradients in image']);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('of which one is not listed: a note', async () => {
    const { 'text/bias': unlisted, ...variables } = right.variables;
    const before = tf.memory().numTensors;
    const report = await checkPolicy({ ...right, variables }, { contexts });
    expect(tf.memory().numTensors).toBe(before);
    const told = report.checks.filter(({ check }) => check === 'unlisted variables');
    expect(told).toMatchObject([
      { space: 'text', level: 'note', detail: expect.stringContaining(unlisted?.name as string) },
      { space: 'image', level: 'ok' },
    ]);
    expect(report.passed).toBe(true);
  });

  it('in another order each time', async () => {
    let turn = 0;
    const flip = () => {
      const entries = Object.entries(right.variables);
      return Object.fromEntries(turn++ % 2 === 0 ? entries : entries.reverse());
    };
    const fault = Object.defineProperty({ ...right }, 'variables', { get: flip, enumerable: true });
    const report = await checkPolicy(fault, { contexts });
    expect(report.checks.find(({ check }) => check === 'variables')?.detail).toMatch(/another order/);
  });
});
