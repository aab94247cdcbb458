import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { identityPolicy, shownToken } from '../../../test/support/identity-policy.js';
import { smallTransformer } from '../../../test/support/small-transformer.js';
import { context, type TabularPolicy, tabularPolicy } from '../../../test/support/tabular-policy.js';
import type { DecodingSession, Policy, TokenContext } from '../../policy/policy.js';
import { tokenBatch } from '../../policy/tokens.js';
import { formatReport } from '../format-report.js';
import { checkPolicy, type PolicyReport } from './check-policy.js';
import type { Subject } from './subject.js';
import { gradientsOf } from './variables.js';

const contexts = [context(1), context(2, 3), context()];
const below = (report: PolicyReport, ...levels: string[]) =>
  report.checks.filter(({ level }) => levels.includes(level)).map(({ check, space }) => [check, space]);

describeOnBackends('checkPolicy', () => {
  it('passes a right policy on all of its spaces, with and without the optional parts', async () => {
    for (const options of [{}, { logProbs: true }, { decoding: false, guidance: false }]) {
      const policy = tabularPolicy(options);
      const report = await checkPolicy(policy, { contexts });
      expect(below(report, 'error', 'warning'), formatReport(report)).toEqual([]);
      expect(report.passed).toBe(true);
      expect(new Set(report.checks.map(({ space }) => space))).toEqual(new Set(['text', 'image', undefined]));
      await expectNoLeak(async () => {
        await checkPolicy(policy, { contexts, space: 'text' });
        await checkPolicy(policy, { contexts });
      });
      policy.dispose();
    }
  });

  it('passes a policy that is an instance of a class', async () => {
    const inner = tabularPolicy({ logProbs: true });
    class Wrapped implements Policy {
      readonly variables = inner.variables;
      readonly spaces = inner.spaces;
      readonly #inner = inner;
      logits(...args: Parameters<Policy['logits']>) {
        return this.#inner.logits(...args);
      }
      logProbs(...args: Parameters<NonNullable<Policy['logProbs']>>) {
        return this.#inner.logProbs?.(...args) as tf.Tensor2D;
      }
      startDecoding(...args: Parameters<NonNullable<Policy['startDecoding']>>) {
        return this.#inner.startDecoding?.(...args) as DecodingSession;
      }
      unconditional() {
        return this.#inner.unconditional?.(context()) as TokenContext;
      }
    }
    const report = await checkPolicy(new Wrapped(), { contexts });
    expect(below(report, 'error', 'warning'), formatReport(report)).toEqual([]);
    inner.dispose();
  });

  it('passes the shipped transformer, whose spaces have contexts of their own', async () => {
    const model = await smallTransformer();
    const prompts = [
      [1, 5, 2],
      [1, 6, 7, 8, 9, 2],
    ];
    const report = await checkPolicy(model, {
      contexts: {
        text: prompts.map((ids) => ({ ids: Int32Array.from(ids) })),
        image: prompts.map((ids) => ({ ids: Int32Array.from([...ids, 3]) })),
      },
    });
    expect(below(report, 'error', 'warning'), formatReport(report)).toEqual([]);
    model.dispose();
  });
});

describe('checkPolicy tells', () => {
  let policy: TabularPolicy;
  beforeAll(() => {
    policy = tabularPolicy();
  });
  afterAll(() => policy.dispose());
  const finding = (report: PolicyReport, name: string) => report.checks.find(({ check }) => check === name);

  it('what it measured', async () => {
    const report = await checkPolicy(policy, { contexts, space: 'image' });
    expect(finding(report, 'gradients')).toMatchObject({
      level: 'note',
      detail: 'zero for this space: text/bigram, text/bias',
    });
    expect(finding(report, 'batch invariance')?.detail).toMatch(/differ by .* \(allowed 1e-5\)/);
    expect(finding(report, 'every variable is used')).toBeUndefined();
  });

  it('that a variable is used by no space, if it has seen all spaces', async () => {
    const idle = tf.variable(tf.zeros([2]));
    const variables = { ...policy.variables, idle, 'text/idle': tf.variable(tf.zeros([2])) };
    const report = await checkPolicy({ ...policy, variables }, { contexts });
    expect(finding(report, 'every variable is used')?.detail).toBe(
      "no space's log-probs depend on: idle, text/idle",
    );
    const one = await checkPolicy({ ...policy, variables }, { contexts, space: 'text' });
    expect(one.passed).toBe(true);
    expect(finding(one, 'gradients')?.detail).toMatch(/zero for this space: .*idle, text\/idle/);
    tf.dispose([idle, variables['text/idle']]);
  });

  it('that the policy has little to say', async () => {
    const silent = tabularPolicy({ scale: 0 });
    const report = await checkPolicy(silent, { contexts, space: 'text' });
    expect(below(report, 'error', 'warning')).toEqual([
      ['logits vary', 'text'],
      ['unconditional', 'text'],
    ]);
    expect(finding(report, 'logits vary')?.detail).toMatch(/every token has the same probability/);
    silent.dispose();
    const deaf = await checkPolicy(policy, { contexts: [context(1), context(1)], space: 'text' });
    expect(below(deaf, 'error', 'warning')).toEqual([['logits vary', 'text']]);
    expect(finding(deaf, 'logits vary')?.detail).toMatch(/same distribution for all 2 contexts/);
    const forgetful = identityPolicy({ vocabulary: 5, length: 3 });
    const forgot = await checkPolicy(forgetful, { contexts: [shownToken(1), shownToken(2)], space: 'image' });
    expect(finding(forgot, 'logits vary')).toMatchObject({
      level: 'note',
      detail: expect.stringMatching(/not with the tokens before/),
    });
    forgetful.dispose();
  });

  it('which optional parts are absent', async () => {
    const bare = tabularPolicy({ decoding: false, guidance: false });
    const report = await checkPolicy(bare, { contexts, space: 'text' });
    const absent = report.checks.filter(({ detail }) => detail.includes('absent')).map(({ check }) => check);
    expect(absent).toEqual([
      'text codec',
      'startDecoding equals logits',
      'decoding session',
      'logProbs equals logits',
      'logProbs gradients',
      'unconditional',
      'guidance',
    ]);
    expect(below(report, 'note').length).toBeGreaterThanOrEqual(absent.length);
    bare.dispose();
  });

  it.each<[string, Partial<Parameters<typeof checkPolicy>[1]>, RegExp]>([
    ['a single context', { contexts: [context(1)] }, /at least 2/],
    ['an unknown space', { space: 'sound' }, /no token space 'sound'; it has 'text', 'image'/],
    [
      'contexts of one space only',
      { contexts: { text: contexts } },
      /no contexts for space 'image', only for text/,
    ],
    ['one completion for all spaces', { completion: tokenBatch([[0], [0], [0]]) }, /Name the space/],
    ['too few completions', { space: 'text', completion: tokenBatch([[0]]) }, /3 contexts but 1 completions/],
    ['empty completions', { space: 'text', completion: tokenBatch([[], [], []]) }, /are empty/],
    [
      'more tokens than an image has',
      { space: 'image', completion: tokenBatch([[0, 0, 0, 0, 0, 0], [0], [0]]) },
      /an image of space 'image' has 5/,
    ],
    ['ids out of range', { space: 'text', completion: tokenBatch([[0], [7], [0]]) }, /token id 7 at row 1/],
  ])('by an error that it was given %s', async (_, options, message) => {
    await expect(checkPolicy(policy, { contexts, ...options })).rejects.toThrow(message);
  });
});

it('gradients that cancel under equal weights are not taken for none', async () => {
  const policy = tabularPolicy();
  const shift = tf.variable(tf.scalar(0));
  const completion = tokenBatch([[1], [2]]);
  // Raises one row's log-prob by what it lowers the other's.
  const opposed = {
    ...policy,
    variables: { shift },
    logProbs: () => tf.mul(shift, tf.tensor2d([1, -1], [2, 1])) as tf.Tensor2D,
  };
  const subject = { policy: opposed, contexts: contexts.slice(0, 2), completion, space: 'text' };
  const gradients = await gradientsOf(opposed, subject as unknown as Subject<(typeof contexts)[0]>);
  expect(Math.abs(gradients.get('shift')?.[0] as number)).toBeGreaterThan(0.01);
  shift.dispose();
  policy.dispose();
});
