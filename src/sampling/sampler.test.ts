import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import {
  context,
  exactLogProbs,
  IMAGE,
  type TabularPolicy,
  TEXT,
  tabularPolicy,
} from '../../test/support/tabular-policy.js';
import type { SamplingOptions } from '../policy/distribution.js';
import { completionLogProbs } from '../policy/log-probs.js';
import type { Policy, TokenContext } from '../policy/policy.js';
import { tokenRow } from '../policy/tokens.js';
import { uniformStream } from '../tensor/noise.js';
import { type SampleRequest, sampleCompletions, shareContexts } from './sampler.js';

const streams = (row: number) => uniformStream('sampler', row);
const request = (
  sampling: SamplingOptions = {},
  more: Partial<SampleRequest<TokenContext>> = {},
): SampleRequest<TokenContext> => ({
  contexts: [context(1, 2), context(3)],
  samplesPerContext: 3,
  space: 'image',
  streams,
  sampling,
  ...more,
});
const rowContexts = ({ contexts, samplesPerContext }: SampleRequest<TokenContext>) =>
  contexts.flatMap((one) => new Array<TokenContext>(samplesPerContext).fill(one));

/** Σ (observed − expected)² / expected. */
function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  const total = counts.reduce((a, b) => a + b, 0);
  return counts.reduce((sum, count, v) => {
    const expected = total * (probabilities[v] as number);
    return (
      sum +
      (expected === 0 ? (count === 0 ? 0 : Number.POSITIVE_INFINITY) : (count - expected) ** 2 / expected)
    );
  }, 0);
}

describeOnBackends('sampleCompletions', () => {
  it('draws first and second tokens with their exact probabilities', async () => {
    const policy = tabularPolicy({ scale: 0.7 });
    const one = context(1, 2);
    const samples = 4000;
    const { completion } = await sampleCompletions(
      policy,
      request({ temperature: 1.3, maxTokens: 2 }, { contexts: [one], samplesPerContext: samples }),
    );
    const after = async (previous?: number) =>
      exactLogProbs((await policy.exactLogits(one, 'image', previous)).map((z) => z / 1.3)).map(Math.exp);
    const first = await after();
    const second = new Array<number>(IMAGE.size).fill(0);
    for (let v = 0; v < IMAGE.size; v++) {
      (await after(v)).forEach((p, w) => {
        second[w] = (second[w] as number) + p * (first[v] as number);
      });
    }
    const counts = (t: number) => {
      const result = new Array<number>(IMAGE.size).fill(0);
      for (let r = 0; r < samples; r++) (result[completion.ids[r * 2 + t] as number] as number) += 1;
      return result;
    };
    // 8 degrees of freedom: above 26.1 once in a thousand seeds.
    expect(chiSquare(counts(0), first)).toBeLessThan(26.1);
    expect(chiSquare(counts(1), second)).toBeLessThan(26.1);
    policy.dispose();
  });

  const distributions: SamplingOptions[] = [
    {},
    { temperature: 0.7 },
    { guidance: { scale: 3 } },
    { guidance: { scale: 3, logProbs: 'guided-detached' }, temperature: 1.2 },
    { topK: 3, recordKept: true },
    { topP: 0.8, recordKept: true, guidance: { scale: 2 }, temperature: 0.9 },
  ];
  it.each(distributions)('records the log-probs that teacher forcing gives: %o', async (sampling) => {
    const policy = tabularPolicy();
    for (const space of ['image', 'text']) {
      const asked = request({ ...sampling, maxTokens: 5 }, { space });
      const result = await sampleCompletions(policy, asked);
      const { temperature, guidance } = sampling;
      const scored = completionLogProbs(
        policy,
        { contexts: rowContexts(asked), completion: result.completion, space },
        { temperature, guidance, kept: result.kept },
      );
      expect(await scored.data()).toBeAllclose(result.behaviourLogProbs, 1e-5);
      expect(result.kept === undefined).toBe(sampling.recordKept !== true);
    }
    policy.dispose();
  });

  it('records the entropy of the distribution drawn from', async () => {
    const policy = tabularPolicy();
    const asked = request({ temperature: 0.8 });
    const { completion, entropy } = await sampleCompletions(policy, asked);
    const exact: number[] = [];
    for (const [row, one] of rowContexts(asked).entries()) {
      for (let t = 0; t < completion.width; t++) {
        const previous = t === 0 ? undefined : tokenRow(completion, row)[t - 1];
        const logProbs = exactLogProbs(
          (await policy.exactLogits(one, 'image', previous)).map((z) => z / 0.8),
        );
        exact.push(-logProbs.reduce((sum, l) => sum + Math.exp(l) * l, 0));
      }
    }
    expect(entropy).toBeAllclose(exact);
    policy.dispose();
  });

  it('gives the same tokens with and without decoding sessions', async () => {
    const fast = tabularPolicy();
    const slow = tabularPolicy({ decoding: false });
    for (const sampling of [{}, { guidance: { scale: 2 } }]) {
      const expected = await sampleCompletions(fast, request(sampling));
      const actual = await sampleCompletions(slow, request(sampling));
      expect(actual.completion).toEqual(expected.completion);
      expect(actual.behaviourLogProbs).toBeAllclose(expected.behaviourLogProbs);
    }
    fast.dispose();
    slow.dispose();
  });

  it('leaks nothing, also when it is aborted or fails', async () => {
    const policy = tabularPolicy();
    const slow = tabularPolicy({ decoding: false });
    await expectNoLeak(async () => {
      await sampleCompletions(policy, request({ guidance: { scale: 2 }, topK: 3 }));
      await sampleCompletions(slow, request());
      const controller = new AbortController();
      await sampleCompletions(
        policy,
        request(
          { guidance: { scale: 2 } },
          { signal: controller.signal, onProgress: () => controller.abort() },
        ),
      ).catch(() => undefined);
      const broken = { ...policy, unconditional: () => context(99) };
      await sampleCompletions(broken, request({ guidance: { scale: 2 } })).catch(() => undefined);
    });
    policy.dispose();
    slow.dispose();
  });
});

describe('rows of sampleCompletions', () => {
  const contexts = [context(1, 2), context(3), context(4)];
  const keys = ['a', 'b', 'c'];
  const sampleAs = async (policy: TabularPolicy, order: number[]) => {
    const { completion, behaviourLogProbs } = await sampleCompletions(policy, {
      contexts: order.map((i) => contexts[i] as TokenContext),
      samplesPerContext: 1,
      space: 'text',
      sampling: { maxTokens: 8 },
      streams: (row) => uniformStream('rows', keys[order[row] as number] as string),
    });
    return order.map((i, row) => ({
      i,
      ids: [...tokenRow(completion, row)],
      logProbs: [...behaviourLogProbs.slice(row * completion.width, row * completion.width + 1)],
    }));
  };

  it('do not depend on their batch-mates or order', async () => {
    const policy = tabularPolicy({ scale: 0.5 });
    const together = await sampleAs(policy, [0, 1, 2]);
    expect(await sampleAs(policy, [2, 0, 1])).toEqual([together[2], together[0], together[1]]);
    for (const i of [0, 1, 2]) expect(await sampleAs(policy, [i])).toEqual([together[i]]);
    policy.dispose();
  });

  it('of identical prompts are distinct samples, row 0 included', async () => {
    const policy = tabularPolicy({ scale: 0.3 });
    const { completion } = await sampleCompletions(
      policy,
      request({}, { contexts: [context(1)], samplesPerContext: 16 }),
    );
    const rows = Array.from({ length: 16 }, (_, row) => [...tokenRow(completion, row)].join());
    expect(new Set(rows).size).toBeGreaterThan(14);
    expect(new Set(tokenRow(completion, 0)).size).toBeGreaterThan(1);
    policy.dispose();
  });

  it('end with the end token, which is theirs; the batch is as wide as its longest row', async () => {
    const policy = tabularPolicy({ scale: 0.5 });
    const { completion, behaviourLogProbs, entropy } = await sampleCompletions(
      policy,
      request({ maxTokens: 40 }, { space: 'text' }),
    );
    const lengths = [...completion.lengths];
    expect(completion.width).toBe(Math.max(...lengths));
    expect(completion.width).toBeLessThan(40);
    expect(new Set(lengths).size).toBeGreaterThan(1);
    for (let row = 0; row < completion.rows; row++) {
      const ids = [...tokenRow(completion, row)];
      expect(ids.indexOf(TEXT.endToken)).toBe(ids.length - 1);
      for (let t = 0; t < completion.width; t++) {
        const at = row * completion.width + t;
        const padding = t >= ids.length;
        expect(behaviourLogProbs[at] === 0 && entropy[at] === 0 && completion.ids[at] === 0).toBe(padding);
      }
    }
    policy.dispose();
  });

  it('draw exactly one uniform number per token', async () => {
    const policy = tabularPolicy({ scale: 0.5 });
    const draws = new Array<number>(6).fill(0);
    const { completion } = await sampleCompletions(
      policy,
      request(
        { maxTokens: 20, topK: 5, guidance: { scale: 1.5 } },
        {
          space: 'text',
          streams: (row) => {
            const stream = streams(row);
            return () => {
              draws[row] = (draws[row] as number) + 1;
              return stream();
            };
          },
        },
      ),
    );
    expect(draws).toEqual([...completion.lengths]);
    policy.dispose();
  });
});

describe('contexts of sampleCompletions', () => {
  it('are shared where neighbours are the same object', () => {
    expect(shareContexts(['a', 'a', 'b', 'b'])).toEqual({ contexts: ['a', 'b'], repeats: 2 });
    expect(shareContexts(['a', 'b'])).toEqual({ contexts: ['a', 'b'], repeats: 1 });
    expect(shareContexts(['a', 'a', 'b'])).toEqual({ contexts: ['a', 'a', 'b'], repeats: 1 });
    expect(shareContexts(['a', 'a', 'b', 'a'])).toEqual({ contexts: ['a', 'a', 'b', 'a'], repeats: 1 });
    expect(shareContexts(['a', 'a', 'a'])).toEqual({ contexts: ['a'], repeats: 3 });
  });

  it('are prepared once each, however many samples', async () => {
    const policy = tabularPolicy();
    const shared = context(5);
    const expected = await sampleCompletions(
      policy,
      request({}, { contexts: [shared], samplesPerContext: 4 }),
    );
    const actual = await sampleCompletions(
      policy,
      request({}, { contexts: [shared, shared, shared, shared], samplesPerContext: 1 }),
    );
    expect(policy.preparedContexts()).toBe(2);
    expect(actual).toEqual(expected);
    policy.dispose();
  });
});

describe('sampleCompletions reports', () => {
  const rejection = async (promise: Promise<unknown>) =>
    promise.then(
      () => {
        throw new Error('nothing was thrown');
      },
      (error: Error & { code: string }) => error,
    );

  it('progress after each token', async () => {
    const policy = tabularPolicy();
    const seen: unknown[] = [];
    await sampleCompletions(policy, request({ maxTokens: 3 }, { onProgress: (p) => seen.push(p) }));
    expect(seen).toEqual([1, 2, 3].map((tokens) => ({ tokens, maxTokens: 3, rows: 6 })));
    policy.dispose();
  });

  it('an abort, with the reason', async () => {
    const policy = tabularPolicy();
    const controller = new AbortController();
    let tokens = 0;
    const error = await rejection(
      sampleCompletions(
        policy,
        request(
          {},
          {
            signal: controller.signal,
            onProgress: () => {
              tokens++;
              if (tokens === 2) controller.abort('stop');
            },
          },
        ),
      ),
    );
    expect(error.code).toBe('aborted');
    expect(error.cause).toBe('stop');
    expect(tokens).toBe(2);
    const early = await rejection(sampleCompletions(policy, request({}, { signal: controller.signal })));
    expect(early.code).toBe('aborted');
    policy.dispose();
  });

  it('logits that are not finite, with row and step', async () => {
    const policy = tabularPolicy();
    let step = 0;
    const broken: Policy = {
      ...policy,
      startDecoding: () => ({
        rows: 6,
        next: () => {
          const values = new Float32Array(6 * IMAGE.size);
          if (step++ === 2) values[4 * IMAGE.size + 1] = Number.NaN;
          return tf.tensor2d(values, [6, IMAGE.size]);
        },
        dispose: () => {},
      }),
    };
    const error = await rejection(sampleCompletions(broken, request()));
    expect(error.code).toBe('non-finite');
    expect(error.message).toMatch(/row 4 at step 2/);
    policy.dispose();
  });

  it('requests that make no sense', async () => {
    const policy = tabularPolicy({ guidance: false });
    const codes = async (sampling: SamplingOptions, more?: Partial<SampleRequest<TokenContext>>) =>
      (await rejection(sampleCompletions(policy, request(sampling, more)))).code;
    expect(await codes({}, { space: 'text' })).toBe('value');
    expect(await codes({}, { space: 'sound' })).toBe('value');
    expect(await codes({}, { contexts: [] })).toBe('shape');
    expect(await codes({}, { samplesPerContext: 0 })).toBe('value');
    expect(await codes({ temperature: 0 })).toBe('value');
    expect(await codes({ topK: 1.5 })).toBe('value');
    expect(await codes({ topP: 0 })).toBe('value');
    expect(await codes({ maxTokens: 6 })).toBe('value');
    expect(await codes({ guidance: { scale: 5 } })).toBe('unsupported');
    policy.dispose();
  });
});
