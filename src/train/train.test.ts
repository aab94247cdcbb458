import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import { identityPolicy, shownToken } from '../../test/support/identity-policy.js';
import { grpo, t2iR1 } from '../objective/presets.js';
import type { Policy, TokenContext } from '../policy/policy.js';
import { freezeReference } from '../policy/reference.js';
import { rewardEnsemble } from '../rewards/ensemble/ensemble.js';
import { abstain, failure, type RewardFunction, score } from '../rewards/reward.js';
import { biLevelRollout } from '../rollout/bi-level.js';
import type { RolloutFunction } from '../rollout/request.js';
import { type Finding, formatFindings } from './findings.js';
import { type StepMetrics, withoutTiming } from './metrics.js';
import { adamW } from './optimizer.js';
import type { TrainOptions } from './options.js';
import type { TrainStep } from './step.js';
import { train } from './train.js';

const V = 4;
type Options = TrainOptions<number, TokenContext>;

const rolloutOf = (policy: Policy, guided = false): RolloutFunction<number, TokenContext> =>
  biLevelRollout({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 2 }, context: shownToken },
    token: {
      space: 'image',
      sampling: guided ? { guidance: { scale: 3, logProbs: 'conditional' } } : {},
      context: (_, plan) => shownToken(plan.ids[0] as number),
    },
  });

/** Shown tokens among all tokens of the sample. */
const matches: RewardFunction<number> = async (samples) =>
  samples.map(({ prompt, tokens }) => {
    const all = Object.values(tokens).flatMap((ids) => [...ids]);
    return score(all.filter((id) => id === prompt).length / all.length);
  });

function setup(options: Partial<Options> = {}, policy = identityPolicy({ vocabulary: V })): Options {
  return {
    policy,
    rollout: rolloutOf(policy),
    reward: matches,
    prompts: [0, 1, 2, 3],
    steps: 3,
    objective: t2iR1(),
    groupSize: 4,
    promptsPerStep: 2,
    learningRate: 0.05,
    seed: 7,
    ...options,
  };
}

async function collect(options: Options): Promise<StepMetrics[]> {
  const records: StepMetrics[] = [];
  for await (const { metrics } of train(options)) records.push(metrics);
  return records;
}

const untimed = (records: StepMetrics[]) => records.map((record) => JSON.stringify(withoutTiming(record)));

const weightsOf = async (policy: Policy) =>
  Promise.all(Object.values(policy.variables).map(async (variable) => [...(await variable.data())]));

describeOnBackends('train', () => {
  it('before the first update the ratio is 1 at every level, and the KL is 0', async () => {
    for (const { levels, step } of await collect(setup())) {
      for (const name of ['semantic', 'token']) {
        expect(levels[name]?.maxRatioDeviation).toBeLessThan(1e-4);
        expect(levels[name]?.trained).toBe(true);
        if (step === 0) expect(levels[name]?.kl).toBe(0);
        else expect(levels[name]?.kl).toBeGreaterThan(0);
      }
    }
  });

  it('the same seed gives the same records to the last bit, another seed others', async () => {
    const first = untimed(await collect(setup()));
    expect(untimed(await collect(setup()))).toEqual(first);
    expect(untimed(await collect(setup({ seed: 8 })))).not.toEqual(first);
  });
});

describe('train', () => {
  it('stopped and resumed equals not stopped, bit for bit', async () => {
    const whole = setup({ steps: 6 });
    const records = await collect(whole);

    const parts = setup();
    const reference = freezeReference(parts.policy);
    const before = adamW();
    const firstHalf = await collect({ ...parts, reference, optimizer: before, steps: 3 });
    const after = adamW();
    after.restore(before.state(), before.step);
    before.dispose();
    const secondHalf = await collect({ ...parts, reference, optimizer: after, startStep: 3, steps: 6 });
    after.dispose();
    reference.dispose();

    expect(untimed([...firstHalf, ...secondHalf])).toEqual(untimed(records));
    expect(await weightsOf(parts.policy)).toEqual(await weightsOf(whole.policy));
  });

  it('grows by no tensor over 20 steps, and frees what it made at the end and on break', async () => {
    const start = tf.memory().numTensors;
    const policy = identityPolicy({ vocabulary: V });
    const own = tf.memory().numTensors - start;
    let second = 0;
    for await (const { metrics } of train(setup({ steps: 20 }, policy))) {
      if (metrics.step === 1) second = tf.memory().numTensors;
    }
    const counts: number[] = [];
    for await (const { metrics } of train(setup({ steps: 20 }, policy))) {
      counts.push(tf.memory().numTensors);
      if (metrics.step === 4) break;
    }
    expect(second).toBeGreaterThan(start + own);
    expect(new Set(counts)).toEqual(new Set([second]));
    expect(tf.memory().numTensors).toBe(start + own);
    (policy as ReturnType<typeof identityPolicy>).dispose();
  });

  it('making a run without starting it makes no tensor', () => {
    const options = setup();
    const before = tf.memory().numTensors;
    train(options);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('reports rewards by member, abstentions, failures and monitors', async () => {
    const reward = rewardEnsemble<number>({
      matches: { reward: matches, weight: 2 },
      picky: async (samples) => samples.map((_, i) => (i === 0 ? abstain() : score(1))),
      broken: async (samples) => samples.map((_, i) => (i === 1 ? failure('no answer') : score(3))),
      judge: { reward: async (samples) => samples.map((_, i) => score(i)), monitor: true },
    });
    const [record] = await collect(setup({ reward, steps: 1 }));
    const { reward: seen } = record as StepMetrics;
    expect(seen.byMember.picky).toMatchObject({ mean: 1, std: 0, abstained: 1, failed: 0 });
    expect(seen.byMember.broken).toMatchObject({
      mean: 3,
      std: 0,
      abstained: 0,
      failed: 1,
      failureReason: 'no answer',
    });
    expect(seen.monitors.judge?.mean).toBe(3.5);
    expect(seen.dropped).toBe(1);
    expect(seen.byMember).not.toHaveProperty('judge');
    expect(seen.mean).toBeGreaterThanOrEqual(4);
    const written = JSON.stringify(record, (_, value) => (Number.isNaN(value) ? 'NaN' : value));
    expect(JSON.parse(written, (_, value) => (value === 'NaN' ? Number.NaN : value))).toEqual(record);
  });

  it('tells loggers of each step, one after the other, before the caller', async () => {
    const seen: string[] = [];
    const slow = async ({ metrics }: TrainStep<number>) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      seen.push(`slow ${metrics.step}`);
    };
    const loggers = [slow, ({ metrics }: TrainStep<number>) => void seen.push(`fast ${metrics.step}`)];
    for await (const { metrics } of train(setup({ steps: 2, loggers }))) seen.push(`caller ${metrics.step}`);
    expect(seen).toEqual(['slow 0', 'fast 0', 'caller 0', 'slow 1', 'fast 1', 'caller 1']);
  });

  it('an ensemble that asks for normalize-then-sum gets it', async () => {
    const members = {
      matches,
      noisy: (async (s) => s.map((_, i) => score(1000 * i))) as RewardFunction<number>,
    };
    const advantages = async (aggregation: 'sum-then-normalize' | 'normalize-then-sum') => {
      for await (const step of train(setup({ reward: rewardEnsemble(members, { aggregation }) }))) {
        return step.advantages;
      }
    };
    // Summed, the loud reward decides alone: its standard scores are those of 0, 1, 2, 3.
    const summed = await advantages('sum-then-normalize');
    expect(summed?.subarray(0, 4)).toBeAllclose(
      [-1.5, -0.5, 0.5, 1.5].map((x) => x / Math.sqrt(5 / 3)),
      1e-3,
    );
    expect(await advantages('normalize-then-sum')).not.toBeAllclose(summed as Float32Array, 0.1);
  });

  it('raises findings while it runs, to whoever asks', async () => {
    const reward: RewardFunction<number> = async (samples) => samples.map(() => score(1));
    const told: Finding[] = [];
    const found: Finding[] = [];
    const options = setup({ reward, steps: 12, onFinding: (finding) => told.push(finding) });
    for await (const { findings } of train(options)) found.push(...findings);
    expect(found.map(({ code }) => code)).toEqual(['flat-groups']);
    expect(told).toEqual(found);
    expect(formatFindings(told)).toMatch(/WARNING flat-groups .*\n {2}measured: 100 % .*\n {2}to do: /);
    told.length = 0;
    for await (const { findings } of train({ ...options, monitor: false })) expect(findings).toEqual([]);
    expect(told).toEqual([]);
    expect(() => train({ ...options, monitor: { window: -1 } })).toThrow(
      /window is -1; expected a number above 0/,
    );
  });

  it('refuses options that it does not have', () => {
    const misspelt = { ...setup(), learningrate: 0.1 } as Options;
    expect(() => train(misspelt)).toThrow(
      /train: there is no option 'learningrate'; the options are 'policy'/,
    );
  });

  it('several updates with one rollout: the ratio starts at 1 and then moves', async () => {
    const records = await collect(setup({ updatesPerRollout: 3, objective: grpo() }));
    for (const { levels } of records) {
      expect(levels.token?.maxRatioDeviation).toBeLessThan(1e-4);
      expect(levels.token?.approxKl).toBeGreaterThan(1e-5);
    }
  });

  it('guidance with conditional log-probs: old = the policy itself, the gap is reported', async () => {
    const base = identityPolicy({ vocabulary: V });
    const policy = { ...base, unconditional: () => shownToken(0) };
    for (const updatesPerRollout of [1, 2]) {
      const [record] = await collect(
        setup({ rollout: rolloutOf(policy, true), updatesPerRollout, steps: 1 }, policy),
      );
      const { semantic, token } = (record as StepMetrics).levels;
      expect(token?.maxRatioDeviation).toBe(0);
      expect(Math.abs(token?.guidanceGap as number)).toBeGreaterThan(1e-3);
      expect(semantic?.guidanceGap).toBe(0);
      if (updatesPerRollout === 1) expect(token?.approxKl).toBe(0);
      else expect(token?.approxKl).toBeGreaterThan(1e-6);
    }
  });

  it('without anything to learn a step is yielded and the weights stay', async () => {
    const options = setup({
      reward: async (samples) => samples.map(() => abstain()),
      objective: t2iR1({ klWeight: 0 }),
    });
    const before = await weightsOf(options.policy);
    const records = await collect(options);
    expect(records.map(({ gradNorm }) => gradNorm)).toEqual([0, 0, 0]);
    expect(records[0]?.reward.mean).toBeNaN();
    expect(await weightsOf(options.policy)).toEqual(before);
  });

  it('follows a schedule, and tells what it is doing', async () => {
    const seen: string[] = [];
    const records = await collect(
      setup({
        learningRate: (step) => 0.1 / (step + 1),
        onProgress: ({ step, phase }) => {
          if (seen.at(-1) !== `${step} ${phase}`) seen.push(`${step} ${phase}`);
        },
        steps: 2,
      }),
    );
    expect(records.map(({ learningRate }) => learningRate)).toEqual([0.1, 0.05]);
    expect(seen).toEqual(
      [0, 1].flatMap((s) => ['rollout', 'reward', 'reference', 'update'].map((phase) => `${s} ${phase}`)),
    );
  });
});

describe('train refuses', () => {
  it.each<[string, Partial<Options>, string, RegExp]>([
    ['no prompts', { prompts: [] }, 'empty-prompts', /no prompts/],
    ['a group of one', { groupSize: 1 }, 'group-size', /at least 2/],
    ['no steps', { steps: 0 }, 'value', /steps is 0/],
    ['half a micro-batch', { microBatch: 0.5 }, 'value', /microBatch is 0\.5/],
    ['a gradient norm of 0', { maxGradNorm: 0 }, 'value', /above 0/],
  ])('%s, at once', (_, options, code, message) => {
    expect(() => train(setup(options))).toThrow(expect.objectContaining({ code }));
    expect(() => train(setup(options))).toThrow(message);
  });

  it('to go on after an abort, and frees everything', async () => {
    const options = setup();
    const before = tf.memory().numTensors;
    const abort = new AbortController();
    const run = train({ ...options, signal: abort.signal });
    await run.next();
    abort.abort();
    await expect(run.next()).rejects.toMatchObject({ code: 'aborted' });
    expect(tf.memory().numTensors).toBe(before);
  });

  it('a policy whose sampler and log-probs disagree', async () => {
    const options = setup();
    const rollout: Options['rollout'] = async (request) => {
      const made = await options.rollout(request);
      const levels = made.levels.map((level) => ({
        ...level,
        behaviourLogProbs: level.behaviourLogProbs.map((x) => x - 0.5),
      }));
      return { ...made, levels };
    };
    const before = await weightsOf(options.policy);
    await expect(collect({ ...options, rollout })).rejects.toThrow(/step 0, update.*level 'semantic'/);
    expect(await weightsOf(options.policy)).toEqual(before);
    await expect(
      collect({ ...options, rollout, ratioTolerance: Number.POSITIVE_INFINITY }),
    ).resolves.toHaveLength(3);
  });

  it('a rollout by another object than the policy that is trained, before any reward is asked', async () => {
    const options = setup();
    let asked = 0;
    const reward: RewardFunction<number> = async (samples) => {
      asked += 1;
      return matches(samples);
    };
    const copy = { ...options.policy };
    await expect(collect({ ...options, policy: copy, reward })).rejects.toMatchObject({
      code: 'value',
      message: expect.stringMatching(/'semantic', 'token'.*the same object/),
    });
    expect(asked).toBe(0);
  });

  it('settings for a level that the rollout does not have', async () => {
    const objective = t2iR1({ levels: { image: { weight: 2 } } });
    await expect(collect(setup({ objective }))).rejects.toMatchObject({ code: 'value' });
  });

  it('weights that became NaN, naming step and phase', async () => {
    const options = setup();
    const rollout: Options['rollout'] = async (request) => {
      const made = await options.rollout(request);
      const input = options.policy.variables.input as tf.Variable;
      if (request.step === 1) tf.tidy(() => input.assign(tf.mul(input, Number.NaN)));
      return made;
    };
    await expect(collect({ ...options, rollout })).rejects.toMatchObject({
      code: 'non-finite',
      message: expect.stringMatching(/train: step 1, update/),
    });
  });

  it('a reward that is not finite', async () => {
    const reward: RewardFunction<number> = async (samples) => samples.map(() => score(Number.NaN));
    await expect(collect(setup({ reward }))).rejects.toMatchObject({ code: 'reward' });
  });
});
