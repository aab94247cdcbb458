import { describe, expect, it } from 'vitest';
import { context, tabularPolicy } from '../../test/support/tabular-policy.js';
import { uniformStream } from '../tensor/noise.js';
import { sampleInChunks } from './chunks.js';
import { type SampleFunction, type SamplingProgress, sampleCompletions } from './sampler.js';

const contexts = [context(1), context(2, 3), context(4), context(5)];
const request = (samplesPerContext: number) => ({
  ...{ contexts, samplesPerContext, space: 'text' },
  sampling: { maxTokens: 6, guidance: { scale: 2 }, topK: 3, recordKept: true },
  streams: (row: number) => uniformStream('chunks', row),
});

describe('sampleInChunks', () => {
  it.each([
    [3, 5, [3, 3, 3, 3]],
    [3, 6, [6, 6]],
    [3, 2, [2, 1, 2, 1, 2, 1, 2, 1]],
    [1, 3, [3, 1]],
    [2, 100, [8]],
  ])('%i samples of each context, %i rows at once, are the same samples', async (samples, rows, sizes) => {
    const policy = tabularPolicy();
    const seen: number[] = [];
    const sample: SampleFunction = (own, chunk) => {
      seen.push(chunk.contexts.length * chunk.samplesPerContext);
      return sampleCompletions(own, chunk);
    };
    expect(await sampleInChunks(rows, sample)(policy, request(samples))).toEqual(
      await sampleCompletions(policy, request(samples)),
    );
    expect(seen).toEqual(sizes);
    policy.dispose();
  });

  it('tells how far it is, never backwards', async () => {
    const policy = tabularPolicy();
    const seen: SamplingProgress[] = [];
    const onProgress = (progress: SamplingProgress) => void seen.push(progress);
    await sampleInChunks(2)(policy, { ...request(2), onProgress });
    const tokens = seen.map((progress) => progress.tokens);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(Math.max(...tokens)).toBeLessThanOrEqual(6);
    expect(seen.every(({ rows, maxTokens }) => rows === 8 && maxTokens === 6)).toBe(true);
    policy.dispose();
  });

  it('refuses what is no number of rows', () => {
    for (const rows of [0, 1.5, Number.NaN])
      expect(() => sampleInChunks(rows)).toThrow(/positive whole number/);
  });
});
