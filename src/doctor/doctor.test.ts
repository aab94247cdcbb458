import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import {
  changedLevels,
  ensembleRun,
  low,
  matches,
  oneLevelRun,
  type Run,
  tabularRun,
  transformerRun,
  twoLevelRun,
} from '../../test/support/doctor-runs.js';
import { identityPolicy } from '../../test/support/identity-policy.js';
import { tabularPolicy } from '../../test/support/tabular-policy.js';
import { BicotError } from '../errors.js';
import { balanced, dapo, grpo, t2iR1 } from '../objective/presets.js';
import { freezeReference } from '../policy/reference.js';
import { rewardEnsemble } from '../rewards/ensemble.js';
import { abstain, failure, score } from '../rewards/reward.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { adamW } from '../train/optimizer.js';
import { train } from '../train/train.js';
import { doctor } from './doctor.js';
import type { DoctorProgress } from './options.js';
import { formatDoctorReport, RUNGS } from './report.js';

const weightsOf = (run: Run): Promise<ArrayLike<number>[]> =>
  Promise.all(Object.values(run.policy.variables).map((variable) => variable.data()));

const free = (run: Run): void => (run.policy as unknown as { dispose(): void }).dispose();

/** Runs in order; each is made anew. */
const healthy: Record<string, () => Run | Promise<Run>> = {
  'one level': () => oneLevelRun(),
  "two levels, the paper's objective": () => twoLevelRun(),
  'two rewards and a monitor': () => ensembleRun(),
  'two rewards of the same spread, whatever their scale': () => {
    const run = tabularRun();
    const large: Run['reward'] = async (samples) =>
      (await low(samples)).map((result) => (result.kind === 'score' ? score(1000 * result.value) : result));
    return {
      ...run,
      reward: rewardEnsemble<number>({ large, odd: oddOf }, { aggregation: 'normalize-then-sum' }),
    };
  },
  'two images per plan, temperature 0.7, balanced': () => ({
    ...tabularRun(tabularPolicy(), {
      imagesPerPlan: 2,
      text: { temperature: 0.7 },
      image: { temperature: 0.7 },
    }),
    objective: balanced({ klWeight: 0.04 }),
  }),
  'guidance with a gradient, top-k recorded, no decoding session, no penalty': () => ({
    ...tabularRun(tabularPolicy({ decoding: false }), {
      text: { topK: 4, recordKept: true },
      image: { guidance: { scale: 3 } },
    }),
    objective: grpo({ klWeight: 0 }),
  }),
};

const oddOf: Run['reward'] = async (samples) =>
  samples.map(({ tokens }) => score([...(tokens.token ?? [])].filter((token) => token % 2 === 1).length));

describeOnBackends('doctor', () => {
  it.each(Object.keys(healthy))('is silent on a healthy run: %s', async (name) => {
    const run = await (healthy[name] as () => Run | Promise<Run>)();
    const report = await doctor(run);
    expect(report.findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(report.healthy).toBe(true);
    expect(report.rungs.map(({ rung }) => rung)).toEqual(RUNGS);
    expect(report.rungs.filter(({ passed }) => !passed)).toEqual([]);
    expect(formatDoctorReport(report)).toMatch(/Healthy: ready to train\.$/);
    free(run);
  });

  it('leaves weights, optimiser, reference and memory as they were', async () => {
    const run = twoLevelRun();
    const optimizer = adamW();
    const reference = freezeReference(run.policy);
    for await (const _ of train({ ...run, optimizer, reference, steps: 2 }));
    const state = async () => ({
      weights: await weightsOf(run),
      moments: await Promise.all(Object.values(optimizer.state()).map((value) => value.data())),
      step: optimizer.step,
      reference: await Promise.all(Object.values(reference.weights).map((value) => value.data())),
      tensors: tf.memory().numTensors,
    });
    const before = await state();
    const resumed = { ...run, optimizer, reference, startStep: 2 };
    const report = await doctor(resumed);
    expect(report.healthy).toBe(true);
    // A resumed policy is not its reference any more, and may not be.
    expect(report.findings).toMatchObject([
      { code: 'stale-reference', severity: 'note', level: 'semantic' },
      { code: 'stale-reference', severity: 'note', level: 'token' },
    ]);
    expect(await state()).toEqual(before);

    // Also when it is stopped in the middle of the probe.
    const stop = new AbortController();
    const onProgress = ({ probeStep }: DoctorProgress) => probeStep === 3 && stop.abort();
    const stopped = doctor(resumed, { signal: stop.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(await state()).toEqual(before);
    reference.dispose();
    optimizer.dispose();
    free(run);
  });
});

describe('doctor', () => {
  it('is silent on the shipped transformer: guidance, top-p, cache', async () => {
    const run = await transformerRun();
    const report = await doctor(run, { batches: 2 });
    expect(report.findings).toEqual([]);
    run.policy.dispose();
  });

  it('is deterministic', async () => {
    const first = await doctor(twoLevelRun());
    expect(await doctor(twoLevelRun())).toEqual(first);
  });

  it('frees what it made', async () => {
    const run = twoLevelRun();
    const before = tf.memory().numTensors;
    await doctor(run);
    await doctor(run, { signal: AbortSignal.abort() }).catch(() => {});
    expect(tf.memory().numTensors).toBe(before);
    free(run);
  });

  it('reports progress, rung by rung', async () => {
    const seen: DoctorProgress[] = [];
    await doctor(oneLevelRun(), { onProgress: (progress) => seen.push(progress) });
    expect(seen.filter(({ probeStep }) => !probeStep).map(({ rung, done }) => [rung, done])).toEqual(
      RUNGS.map((rung, i) => [rung, i]),
    );
    expect(seen.filter(({ probeStep }) => probeStep).length).toBeGreaterThan(5);
  });

  it("listens to the run's own signal", async () => {
    const run = { ...oneLevelRun(), signal: AbortSignal.abort() };
    await expect(doctor(run)).rejects.toMatchObject({ code: 'aborted' });
  });

  it('refuses options that make no sense', async () => {
    const run = oneLevelRun();
    const refused = [
      { batches: 0 },
      { probe: { steps: 2 } },
      { probe: { learningRate: 0 } },
      { limits: { ratio: -1 } },
      { limits: { ratoi: 1 } as object },
    ];
    for (const options of refused) {
      await expect(doctor(run, options)).rejects.toMatchObject({ code: 'value' });
    }
    await expect(doctor({ ...run, prompts: [] })).rejects.toMatchObject({ code: 'empty-prompts' });
  });

  it('an error of what it examines is a finding', async () => {
    const rollout = async () => {
      throw new BicotError('unsupported', 'no such space');
    };
    const report = await doctor({ ...oneLevelRun(), rollout });
    expect(report.findings).toMatchObject([{ code: 'cannot-run', evidence: 'no such space' }]);
    expect(report.findings[0]?.suggestion).toMatch(/^The error says/);
    expect(report.rungs.filter(({ passed }) => passed)).toEqual([]);
    expect(formatDoctorReport(report)).toMatch(
      /^FAIL determinism.*\n– {4}mask.*not run[\s\S]*Not healthy \(1 error\)/,
    );
  });

  it("does not promise advice of other people's errors, and passes those of onProgress on", async () => {
    const rollout = async () => {
      throw new Error('x is undefined');
    };
    const { findings } = await doctor({ ...oneLevelRun(), rollout });
    expect(findings[0]).toMatchObject({ code: 'cannot-run', evidence: 'x is undefined' });
    expect(findings[0]?.suggestion).not.toContain('says what to do');

    const run = oneLevelRun();
    const before = tf.memory().numTensors;
    for (const when of [undefined, 2]) {
      const onProgress = ({ rung, probeStep }: DoctorProgress) => {
        if (rung === 'learning' && probeStep === when) throw new TypeError('my display broke');
      };
      await expect(doctor(run, { onProgress })).rejects.toThrow('my display broke');
      expect(tf.memory().numTensors).toBe(before);
    }
    free(run);
  });

  it('says what was left out', async () => {
    const report = await doctor(oneLevelRun(), { probe: false });
    expect(report.rungs.at(-1)).toMatchObject({ rung: 'learning', skipped: true, passed: true });
    const text = formatDoctorReport(report);
    expect(text).toContain('–    learning     not run: probe is false');
    expect(text).toMatch(/\nHealthy as far as was looked at \(not run: learning\): ready to train\.$/);
  });

  it('counts errors and warnings', async () => {
    const reward: Run['reward'] = async (samples) => samples.map((_, i) => (i % 5 ? score(1) : failure('x')));
    const report = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(formatDoctorReport(report)).toMatch(
      /\nNot healthy \(1 error, 1 warning\): mend this before you train\.$/,
    );
  });

  it('tells failures and abstentions', async () => {
    const reward = rewardEnsemble<number>({
      low,
      broken: async (samples) => samples.map((_, i) => (i % 5 === 0 ? failure('timeout') : score(i % 7))),
      silent: async (samples) => samples.map(() => abstain()),
    });
    const { findings } = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(findings.filter(({ code }) => code.startsWith('reward-'))).toMatchObject([
      { code: 'reward-failures', reward: 'broken', evidence: expect.stringContaining('timeout') },
      { code: 'reward-abstentions', reward: 'silent' },
    ]);
  });

  it('blames failures for groups that they leave without scores', async () => {
    const failing = (keep: (group: number, i: number) => boolean): Run => ({
      ...oneLevelRun(),
      reward: async (samples) =>
        (await low(samples)).map((result, i) =>
          keep(Math.floor(i / 8), i % 8) ? result : failure('connection refused'),
        ),
    });
    const all = await doctor(failing(() => false));
    expect(all.findings).toMatchObject([{ code: 'reward-failures', severity: 'error' }]);
    expect(all.rungs.find(({ rung }) => rung === 'rewards')?.evidence).toBe(
      'none of 12 groups has two scores, as rewards failed',
    );
    const most = await doctor(failing((group, i) => group === 0 || i === 0));
    expect(most.findings).toMatchObject([{ code: 'reward-failures', severity: 'error' }]);
    expect(most.rungs.find(({ rung }) => rung === 'rewards')?.evidence).toMatch(
      /^\d of 3 groups \(9 others have no two scores, as rewards failed\) have no spread/,
    );
  });

  it('tells flat groups that are sampled again as what they cost', async () => {
    let groups = 0;
    const reward: Run['reward'] = async (samples) =>
      (await matches(samples)).map((result, i) => {
        if (i % 8 === 0) groups++;
        return groups % 4 > 0 ? score(0.5) : result;
      });
    const kept = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(kept.findings).toMatchObject([{ code: 'flat-groups', severity: 'warning' }]);
    expect(kept.findings[0]?.suggestion).toContain('zeroVariance: { resample: n }');
    groups = 0;
    const again = await doctor({ ...oneLevelRun(), reward, objective: dapo() }, { probe: false });
    expect(again.findings).toMatchObject([{ code: 'flat-groups', severity: 'note' }]);
    expect(again.findings[0]?.evidence).toMatch(
      /^9 of 12 .*resample 3\): expect 173 % more sampling, with 32 % of the groups still flat$/,
    );
  });

  it.each(['sum-then-normalize', 'normalize-then-sum'] as const)(
    'says of rewards that cancel that they do: %s',
    async (aggregation) => {
      const negative: Run['reward'] = async (samples) =>
        (await low(samples)).map((result) => (result.kind === 'score' ? score(-result.value) : result));
      const reward = rewardEnsemble<number>({ low, negative }, { aggregation });
      const { findings } = await doctor({ ...oneLevelRun(), reward }, { probe: false });
      const [flat] = findings.filter(({ code }) => code === 'flat-groups');
      expect(flat).toMatchObject({
        severity: 'error',
        message: expect.stringMatching(/^The rewards cancel/),
      });
      expect(flat?.suggestion).toContain('weights');
    },
  );

  it('notes rewards that say the same or the opposite', async () => {
    const negative: Run['reward'] = async (samples) =>
      (await low(samples)).map((result) => (result.kind === 'score' ? score(-0.5 * result.value) : result));
    const reward = rewardEnsemble<number>({ low, again: low, negative });
    const { findings } = await doctor({ ...oneLevelRun(), reward }, { probe: false });
    expect(
      findings.filter(({ code }) => code === 'correlated-rewards').map(({ message }) => message),
    ).toEqual([
      "The rewards 'low' and 'again' say the same.",
      "The rewards 'low' and 'negative' say the opposite of each other.",
      "The rewards 'again' and 'negative' say the opposite of each other.",
    ]);
  });

  it('tells truncation that was not recorded, which training refuses', async () => {
    const run = tabularRun(tabularPolicy(), { text: { topP: 0.9 } });
    const { findings, rungs } = await doctor(run);
    expect(findings).toMatchObject([
      { code: 'truncation-not-recorded', level: 'semantic', severity: 'error' },
    ]);
    expect(rungs.at(-1)).toMatchObject({ rung: 'learning', passed: false });
  });

  it('tells truncation that the level does not declare', async () => {
    const run = tabularRun(tabularPolicy(), { text: { topK: 3 } });
    const rollout = changedLevels(run, (level) => ({
      ...level,
      sampling: { maxTokens: level.sampling.maxTokens },
    }));
    const { findings } = await doctor({ ...run, rollout }, { probe: false });
    expect(findings).toMatchObject([
      { code: 'truncation-not-recorded', level: 'semantic', severity: 'error' },
    ]);
    expect(findings[0]?.message).toContain('never below');
  });

  it('finds noise and leaks that only the sampler has', async () => {
    const exact = tabularPolicy();
    let call = 0;
    const withSampler = (change: (logits: tf.Tensor2D) => tf.Tensor): Run =>
      tabularRun({
        ...exact,
        startDecoding(contexts, space, options) {
          const session = exact.startDecoding?.(contexts, space, options);
          if (!session) throw new Error('no session');
          return { ...session, next: (tokens) => tf.tidy(() => change(session.next(tokens)) as tf.Tensor2D) };
        },
      });
    const noisy = withSampler((logits) =>
      tf.add(logits, tf.tensor2d(normalValues(uniformStream('noise', call++), logits.size), logits.shape)),
    );
    const leaky = withSampler((logits) => tf.add(logits, tf.mul(0.1, tf.sum(logits, 0, true))));
    const codes = async (run: Run) => (await doctor(run, { probe: false })).findings.map(({ code }) => code);
    expect((await codes(noisy))[0]).toBe('dropout');
    expect((await codes(leaky))[0]).toBe('batch-leak');
    exact.dispose();
  });

  it('finds noise of any strength that only the sampler has, and does not take it for a leak', async () => {
    const exact = tabularPolicy();
    for (const strength of [0.05, 1, 5, 30]) {
      let call = 0;
      const noisy = tabularRun({
        ...exact,
        startDecoding(contexts, space, options) {
          const session = exact.startDecoding?.(contexts, space, options);
          if (!session) throw new Error('no session');
          const noise = (size: number) => normalValues(uniformStream('sampling', strength, call++), size);
          return {
            ...session,
            next: (tokens) =>
              tf.tidy(() => {
                const logits = session.next(tokens);
                return tf.add(logits, tf.mul(strength, tf.tensor2d(noise(logits.size), logits.shape)));
              }),
          };
        },
      });
      const { findings } = await doctor(noisy, { probe: false });
      expect(findings.map(({ code }) => code)).toContain('dropout');
      expect(findings.map(({ code }) => code)).not.toContain('batch-leak');
    }
    exact.dispose();
  });

  it('finds a rollout that ignores its seed, but takes one stream for a whole batch', async () => {
    const run = tabularRun();
    let seed = 0;
    const random = await doctor(
      { ...run, rollout: (request) => run.rollout({ ...request, seed: seed++ }) },
      { probe: false },
    );
    expect(random.findings).toMatchObject([{ code: 'dropout', severity: 'warning', level: 'semantic' }]);
    expect(random.findings[0]?.evidence).toMatch(/^\d samples of one prompt get other tokens/);
    const bySize = await doctor(
      { ...run, rollout: (request) => run.rollout({ ...request, seed: request.prompts.length }) },
      { probe: false },
    );
    expect(bySize.findings).toEqual([]);
    free(run);
  });

  it('finds rows that see each other', async () => {
    const exact = tabularPolicy();
    const leaky = tabularRun({
      ...exact,
      logits: (...args) =>
        tf.tidy(() => {
          const logits = exact.logits(...args);
          return tf.add(logits, tf.mul(0.01, tf.sum(logits, 0, true))) as tf.Tensor3D;
        }),
    });
    const { findings } = await doctor(leaky, { probe: false });
    expect(findings.map(({ code, level }) => [code, level])).toEqual([
      ['batch-leak', 'semantic'],
      ['batch-leak', 'token'],
    ]);
    exact.dispose();
  });

  it('a run whose policy samples nothing can never learn', async () => {
    const run = oneLevelRun();
    const { findings, healthy } = await doctor({
      ...run,
      policy: identityPolicy({ vocabulary: 6, seed: 9 }),
    });
    expect(findings).toMatchObject([{ code: 'frozen-level', severity: 'error', level: 'token' }]);
    expect(healthy).toBe(false);
  });

  it('warns of a run that is resumed without its reference', async () => {
    const { findings } = await doctor({ ...oneLevelRun(), startStep: 5 }, { probe: false });
    expect(findings).toMatchObject([{ code: 'missing-reference', severity: 'warning' }]);
  });

  it('says so where nothing explains the ratio', async () => {
    const run = oneLevelRun();
    const rollout: Run['rollout'] = async (request) => {
      const made = await run.rollout(request);
      return {
        ...made,
        levels: made.levels.map((level) => ({
          ...level,
          behaviourLogProbs: level.behaviourLogProbs.map((value, i) => value + ((i % 3) - 1) * 0.1),
        })),
      };
    };
    const { findings } = await doctor({ ...run, rollout }, { probe: false });
    expect(findings).toMatchObject([{ code: 'ratio-not-one', level: 'token', severity: 'error' }]);
    // Rollouts by an older policy, on purpose.
    const off = await doctor({ ...run, rollout, ratioTolerance: Number.POSITIVE_INFINITY }, { probe: false });
    expect(off.findings).toMatchObject([{ code: 'ratio-not-one', severity: 'note' }]);
  });

  it('notes that nothing rises at a learning rate that is far too low, and warns where the reward falls', async () => {
    const timid = { ...oneLevelRun(), learningRate: 1e-7, objective: t2iR1() };
    expect((await doctor(timid)).findings).toMatchObject([{ code: 'not-learning', severity: 'note' }]);
    // The optimiser walks uphill.
    const ascending = adamW();
    const optimizer: typeof ascending = {
      ...ascending,
      update: (variables, gradients, rate) =>
        tf.tidy(() =>
          ascending.update(
            variables,
            Object.fromEntries(Object.entries(gradients).map(([name, gradient]) => [name, tf.neg(gradient)])),
            rate,
          ),
        ),
    };
    const wrong = {
      ...oneLevelRun(identityPolicy({ vocabulary: 3, length: 3 })),
      prompts: [0, 1, 2],
      optimizer,
    };
    expect((await doctor(wrong)).findings).toMatchObject([{ code: 'not-learning', severity: 'warning' }]);
  });
});
