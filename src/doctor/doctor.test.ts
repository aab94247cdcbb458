import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import {
  changedLevels,
  ensembleRun,
  low,
  oneLevelRun,
  type Run,
  tabularRun,
  transformerRun,
  twoLevelRun,
} from '../../test/support/doctor-runs.js';
import { identityPolicy } from '../../test/support/identity-policy.js';
import { tabularPolicy } from '../../test/support/tabular-policy.js';
import { BicotError } from '../errors.js';
import { balanced, grpo, t2iR1 } from '../objective/presets.js';
import { freezeReference } from '../policy/reference.js';
import { rewardEnsemble } from '../rewards/ensemble/ensemble.js';
import { failure, score } from '../rewards/reward.js';
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
