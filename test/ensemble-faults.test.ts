/** Services that misbehave by random schedules, behind every policy that an ensemble has: no score is ever made up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBicotError } from '../src/errors.js';
import type { RewardCallOptions } from '../src/rewards/calls/options.js';
import { rewardEnsemble } from '../src/rewards/ensemble/ensemble.js';
import type { FailurePolicy } from '../src/rewards/ensemble/failures.js';
import type { EnsembleResult } from '../src/rewards/ensemble/result.js';
import { httpReward } from '../src/rewards/http/index.js';
import type { RewardResult } from '../src/rewards/reward.js';
import { FAULTS, type Fault, startFaultServer, trueScore } from './support/fault-server.js';
import { rewardSamples, type SamplePrompt } from './support/reward-samples.js';

const GROUPS = 2;
const SIZE = 3;
const samples = rewardSamples(GROUPS, SIZE);
const truth = samples.map(({ prompt, image }) => trueScore(prompt, image?.data as Uint8Array));

interface Plan {
  readonly schedules: readonly Fault[][];
  readonly call: RewardCallOptions;
  readonly onFailure: FailurePolicy;
  /** Whether the second service is required. */
  readonly required: boolean;
  readonly quorum: number;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  // Mostly right, so that there is something to lose.
  schedules: fc.array(
    fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant<Fault>('ok') }, fc.constantFrom(...FAULTS)), {
      maxLength: 8,
    }),
    { minLength: 2, maxLength: 2 },
  ),
  call: fc.record({
    retries: fc.integer({ min: 0, max: 3 }),
    batchSize: fc.integer({ min: 1, max: 6 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
    timeout: fc.constant(60),
    backoff: fc.constant({ first: 0, most: 1 }),
    breaker: fc.option(fc.record({ failures: fc.integer({ min: 1, max: 3 }), pause: fc.constant(5) }), {
      nil: undefined,
    }),
  }),
  onFailure: fc.constantFrom<FailurePolicy>('drop-sample', 'drop-group', 'stop'),
  required: fc.boolean(),
  quorum: fc.integer({ min: 1, max: 2 }),
});

const groupOf = (sample: number): number => Math.floor(sample / SIZE);

/** What must hold of a result, by the policy and by what the members said. */
function expectHonest({ results, total, table, failures, dropped }: EnsembleResult, plan: Plan): void {
  const said = ['first', 'second'].map((name) => results[name] as readonly RewardResult[]);
  for (const ofMember of said) {
    ofMember.forEach((result, i) => {
      if (result.kind === 'score') expect(result.value).toBe(truth[i]);
    });
  }
  for (const { member, reason } of failures) {
    expect(['first', 'second']).toContain(member);
    expect(reason.length).toBeGreaterThan(12);
  }
  const failed = (k: number, i: number): boolean => said[k]?.[i]?.kind === 'failure';
  const out = samples.map((_, i) => {
    const left = 2 - Number(failed(0, i)) - Number(failed(1, i));
    return failed(0, i) || (plan.required && failed(1, i)) || left < plan.quorum;
  });
  const left =
    plan.onFailure === 'drop-group'
      ? out.map((_, i) => out.some((gone, j) => gone && groupOf(i) === groupOf(j)))
      : out;
  expect(dropped.map(({ sample }) => sample)).toEqual([...left.keys()].filter((i) => left[i]));
  left.forEach((gone, i) => {
    const row = [...table.values.subarray(2 * i, 2 * i + 2)];
    if (gone) {
      expect(row).toEqual([Number.NaN, Number.NaN]);
      expect(total[i]).toBeNaN();
      return;
    }
    const scores = said.map((ofMember) => {
      const result = ofMember[i];
      return result?.kind === 'score' ? result.value : Number.NaN;
    });
    expect(row).toEqual(scores);
    if (!scores.some(Number.isNaN)) {
      expect(total[i]).toBeCloseTo((scores[0] as number) + (scores[1] as number), 12);
    }
  });
}

describe('an ensemble of services that misbehave', () => {
  it('invents nothing, ends as its policy says, and names the reward and the cause', async () => {
    let [stopped, complete, partial] = [0, 0, 0];
    const run = async (plan: Plan): Promise<void> => {
      const servers = await Promise.all(plan.schedules.map(startFaultServer));
      const [first, second] = servers.map(({ url }) => httpReward<SamplePrompt>({ url, timeout: 1000 }));
      if (!first || !second) throw new Error('two servers were started');
      const ensemble = rewardEnsemble<SamplePrompt>(
        {
          first: { reward: first, call: plan.call },
          second: { reward: second, call: plan.call, required: plan.required },
        },
        { onFailure: plan.onFailure, quorum: plan.quorum },
      );
      let result: EnsembleResult | undefined;
      try {
        result = await ensemble.evaluate(samples);
      } catch (error) {
        // The only way to end a run: when it is asked for.
        expect(plan.onFailure).toBe('stop');
        expect(isBicotError(error, 'reward')).toBe(true);
        expect(String(error)).toMatch(/sample \d: (first|second): .{12,}/);
        stopped++;
      }
      if (result) {
        if (plan.onFailure === 'stop') expect(result.dropped).toEqual([]);
        expectHonest(result, plan);
        if (result.dropped.length > 0) partial++;
        else complete++;
      }
      await Promise.all(servers.map((server) => server.close()));
    };
    await fc.assert(fc.asyncProperty(plans, run), { numRuns: 200, endOnFailure: true });
    // Every way out was taken.
    expect(Math.min(stopped, complete, partial)).toBeGreaterThan(10);
  }, 180_000);
});
