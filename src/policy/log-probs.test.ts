import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import {
  context,
  exactLogProbs,
  IMAGE,
  type TabularPolicy,
  tabularPolicy,
} from '../../test/support/tabular-policy.js';
import { isBicotError } from '../errors.js';
import type { GuidanceLogProbs } from './distribution.js';
import { type KeptSet, keptBytes, keptMask, sliceKeptSet } from './kept.js';
import { completionLogProbs } from './log-probs.js';
import type { TokenContext } from './policy.js';
import { sliceTokenBatch, tokenBatch } from './tokens.js';

const contexts = [context(1, 2), context(3), context(0, 0, 7)];
const completion = tokenBatch([[1, 2, 3, 4], [5], [8, 0, 8]]);
const batch = { contexts, completion, space: 'image' };
const empty = context();

/** Log-probs in float64 from the policy's tables. */
async function expected(
  policy: TabularPolicy,
  {
    temperature = 1,
    scale = 1,
    allowed = () => true,
  }: {
    temperature?: number;
    scale?: number;
    allowed?: (n: number, t: number, v: number) => boolean;
  } = {},
): Promise<number[]> {
  const result: number[] = [];
  for (let n = 0; n < completion.rows; n++) {
    for (let t = 0; t < completion.width; t++) {
      if (t >= (completion.lengths[n] as number)) {
        result.push(0);
        continue;
      }
      const at = n * completion.width + t;
      const previous = t === 0 ? undefined : completion.ids[at - 1];
      const cond = await policy.exactLogits(contexts[n] as TokenContext, 'image', previous);
      const uncond = await policy.exactLogits(empty, 'image', previous);
      const logits = cond.map((c, v) => {
        const u = uncond[v] as number;
        return allowed(n, t, v) ? (u + scale * (c - u)) / temperature : Number.NEGATIVE_INFINITY;
      });
      result.push(exactLogProbs(logits)[completion.ids[at] as number] as number);
    }
  }
  return result;
}

/** Keeps the token itself, its right neighbour and token 4. */
const allowed = (n: number, t: number, v: number) => {
  const id = completion.ids[n * completion.width + t] as number;
  return v === id || v === (id + 1) % IMAGE.size || v === 4;
};

function keptSet(): KeptSet {
  const bytes = keptBytes(IMAGE.size);
  const bits = new Uint8Array(completion.rows * completion.width * bytes);
  for (let n = 0; n < completion.rows; n++) {
    for (let t = 0; t < (completion.lengths[n] as number); t++) {
      for (let v = 0; v < IMAGE.size; v++) {
        const at = (n * completion.width + t) * bytes + (v >> 3);
        if (allowed(n, t, v)) bits[at] = (bits[at] as number) | (1 << (v & 7));
      }
    }
  }
  return { bits, rows: completion.rows, width: completion.width, vocabulary: IMAGE.size };
}

describeOnBackends('completionLogProbs', () => {
  it('equals the exact log-probs, with 0 on padding', async () => {
    const policy = tabularPolicy();
    for (const temperature of [1, 0.6]) {
      const actual = await completionLogProbs(policy, batch, { temperature }).data();
      const exact = await expected(policy, { temperature });
      expect(actual).toBeAllclose(exact);
      expect([...actual].filter((value) => value === 0).length).toBe(4);
    }
    policy.dispose();
  });

  it('takes policy.logProbs if there is one and nothing needs the logits', async () => {
    const policy = tabularPolicy({ logProbs: true });
    let calls = 0;
    const counting = {
      ...policy,
      logits: () => {
        throw new Error('not needed');
      },
      logProbs: (...args: Parameters<NonNullable<typeof policy.logProbs>>) => {
        calls++;
        return policy.logProbs?.(...args) as tf.Tensor2D;
      },
    };
    const exact = await expected(policy, { temperature: 0.8 });
    expect(await completionLogProbs(counting, batch, { temperature: 0.8 }).data()).toBeAllclose(exact);
    const guidance = { scale: 3, logProbs: 'conditional' } as const;
    expect(await completionLogProbs(counting, batch, { temperature: 0.8, guidance }).data()).toBeAllclose(
      exact,
    );
    expect(calls).toBe(2);
    policy.dispose();
  });

  it('guides, tempers and drops tokens, in this order', async () => {
    const policy = tabularPolicy();
    const distribution = { temperature: 0.7, guidance: { scale: 2.5 }, kept: keptSet() };
    const exact = await expected(policy, { temperature: 0.7, scale: 2.5, allowed });
    expect(await completionLogProbs(policy, batch, distribution).data()).toBeAllclose(exact);
    const conditional = { ...distribution, guidance: { scale: 2.5, logProbs: 'conditional' as const } };
    const exactConditional = await expected(policy, { temperature: 0.7, allowed });
    expect(await completionLogProbs(policy, batch, conditional).data()).toBeAllclose(exactConditional);
    policy.dispose();
  });

  it('does not depend on batch-mates', async () => {
    const policy = tabularPolicy();
    const distribution = { guidance: { scale: 2 } };
    const together = await completionLogProbs(policy, batch, { ...distribution, kept: keptSet() }).data();
    const alone = await completionLogProbs(
      policy,
      { contexts: contexts.slice(2), completion: sliceTokenBatch(completion, 2, 3), space: 'image' },
      { ...distribution, kept: sliceKeptSet(keptSet(), 2, 3) },
    ).data();
    expect(alone).toBeAllclose(together.slice(8), 1e-6);
    policy.dispose();
  });

  it('has the gradients of finite differences, and the detached branch has none', async () => {
    const policy = tabularPolicy({ seed: 3 });
    const bigram = policy.variables['image/bigram'] as tf.Variable;
    const weights = tf.tensor2d(
      Array.from({ length: 12 }, (_, i) => Math.sin(i + 1)),
      [3, 4],
    );
    const objective = (logProbs: GuidanceLogProbs, kept?: KeptSet) =>
      tf.tidy(() => {
        const guidance = { scale: 2, logProbs };
        const values = completionLogProbs(policy, batch, { temperature: 0.9, guidance, kept });
        return tf.sum(tf.mul(values, weights)) as tf.Scalar;
      });
    const gradient = async (logProbs: GuidanceLogProbs, kept?: KeptSet) => {
      const { grads, value } = tf.variableGrads(() => objective(logProbs, kept), [bigram]);
      value.dispose();
      return (await (grads[bigram.name] as tf.Tensor).data()) as Float32Array;
    };
    const numeric = async (logProbs: GuidanceLogProbs, kept?: KeptSet) => {
      const start = await bigram.data();
      const step = 0.02;
      const result: number[] = [];
      for (let i = 0; i < start.length; i++) {
        const at = async (value: number) => {
          const moved = start.slice();
          moved[i] = value;
          tf.tidy(() => bigram.assign(tf.tensor(moved, bigram.shape)));
          return (await objective(logProbs, kept).data())[0] as number;
        };
        const here = start[i] as number;
        result.push(((await at(here + step)) - (await at(here - step))) / (2 * step));
      }
      tf.tidy(() => bigram.assign(tf.tensor(start, bigram.shape)));
      return result;
    };
    const guided = await gradient('guided');
    expect(guided).toBeAllclose(await numeric('guided'), 2e-3);
    expect(await gradient('conditional')).toBeAllclose(await numeric('conditional'), 2e-3);
    expect(await gradient('guided', keptSet())).toBeAllclose(await numeric('guided', keptSet()), 2e-3);
    // The bigram table enters both branches alike: c = b + x, u = b, so the logits are b + s·x. Detaching u
    // leaves s·b with a gradient instead of b, which makes every gradient s times as large.
    expect(await gradient('guided-detached')).toBeAllclose(guided.map((value) => value * 2));
    policy.dispose();
  });

  it('sends no gradient to padding', async () => {
    const policy = tabularPolicy();
    const list = Object.values(policy.variables);
    const gradient = async (ids: Int32Array) => {
      const padded = { ...batch, completion: { ...completion, ids } };
      const { grads } = tf.variableGrads(() => tf.sum(completionLogProbs(policy, padded)) as tf.Scalar, list);
      return (grads[(policy.variables['image/bigram'] as tf.Variable).name] as tf.Tensor).data();
    };
    const garbage = completion.ids.slice();
    garbage[6] = 7;
    expect(await gradient(garbage)).toEqual(await gradient(completion.ids));
    policy.dispose();
  });

  it('leaks nothing', async () => {
    const policy = tabularPolicy();
    const list = Object.values(policy.variables);
    for (const logProbs of ['guided', 'conditional', 'guided-detached'] as const) {
      await expectNoLeak(() => {
        const distribution = { temperature: 0.5, guidance: { scale: 2, logProbs }, kept: keptSet() };
        completionLogProbs(policy, batch, distribution).dispose();
        const { value, grads } = tf.variableGrads(
          () => tf.sum(completionLogProbs(policy, batch, distribution)) as tf.Scalar,
          list,
        );
        tf.dispose([value, grads]);
      });
    }
    policy.dispose();
  });
});

describe('completionLogProbs refuses', () => {
  const policy = () => tabularPolicy({ guidance: false });
  const failing = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      return error as Error & { code: string };
    }
    throw new Error('nothing was thrown');
  };

  it('an unknown space, naming those there are', () => {
    const error = failing(() => completionLogProbs(policy(), { ...batch, space: 'sound' }));
    expect(isBicotError(error, 'value')).toBe(true);
    expect(error.message).toMatch(/no token space 'sound'.*'text', 'image'/);
    expect(failing(() => completionLogProbs(policy(), { ...batch, space: 'toString' })).code).toBe('value');
  });

  it('contexts that do not match the completions', () => {
    const error = failing(() => completionLogProbs(policy(), { ...batch, contexts: contexts.slice(1) }));
    expect(error.code).toBe('shape');
    expect(error.message).toMatch(/2 contexts but 3 completions/);
  });

  it('ids outside the space', () => {
    const error = failing(() => completionLogProbs(policy(), { ...batch, space: 'text' }));
    expect(error.code).toBe('token-range');
    expect(error.message).toMatch(/token id 8 at row 2, position 0 is outside \[0, 7\)/);
  });

  it('a temperature that is no temperature', () => {
    for (const temperature of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = failing(() => completionLogProbs(policy(), batch, { temperature }));
      expect(error.code).toBe('value');
      expect(error.message).toMatch(/topK: 1/);
    }
  });

  it('guidance without an unconditional context, saying what to implement', () => {
    const error = failing(() => completionLogProbs(policy(), batch, { guidance: { scale: 5 } }));
    expect(error.code).toBe('unsupported');
    expect(error.message).toMatch(/policy\.unconditional\(context\).*Implement it/);
    const unguided = completionLogProbs(policy(), batch, { guidance: { scale: 1 } });
    expect(unguided.shape).toEqual([3, 4]);
  });

  it('a kept set of other tokens, and logits of the wrong shape', () => {
    const kept = sliceKeptSet(keptSet(), 0, 2);
    expect(failing(() => completionLogProbs(policy(), batch, { kept })).code).toBe('shape');
    const wrong = { ...policy(), logits: () => tf.zeros([3, 4, 7]) as tf.Tensor3D };
    const error = failing(() => completionLogProbs(wrong, batch));
    expect(error.message).toMatch(/policy\.logits has shape \[3, 4, 7\] but \[3, 4, 9\]/);
  });
});

describe('kept sets', () => {
  it('unpack to one byte an entry', () => {
    const mask = keptMask(keptSet());
    expect(mask.length).toBe(3 * 4 * 9);
    // Row 0, position 1: token 2, its neighbour 3, and 4.
    expect([...mask.slice(9, 18)]).toEqual([0, 0, 1, 1, 1, 0, 0, 0, 0]);
    // Row 2, position 0: token 8 (in the second byte), its neighbour 0, and 4.
    expect([...mask.slice(72, 81)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
});
