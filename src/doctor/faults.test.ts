/** Ten faults, each at three strengths: the doctor names each one. The first strength is the hardest to see. */
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import {
  changedLevels,
  ensembleRun,
  matches,
  oneLevelRun,
  type Run,
  tabularRun,
  twoLevelRun,
} from '../../test/support/doctor-runs.js';
import { identityPolicy } from '../../test/support/identity-policy.js';
import { type TabularPolicy, tabularPolicy } from '../../test/support/tabular-policy.js';
import { grpo, t2iR1 } from '../objective/presets.js';
import type { ImageSpace, Policy, TextSpace, TokenContext } from '../policy/policy.js';
import { freezeReference } from '../policy/reference.js';
import { score } from '../rewards/reward.js';
import { biLevelRollout } from '../rollout/bi-level.js';
import type { LevelRollout } from '../rollout/types.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import type { Finding, FindingCode } from '../train/findings.js';
import { doctor } from './doctor.js';
import type { DoctorOptions } from './options.js';

/** Most faults show before the probe, which has tests of its own. */
const QUICK: DoctorOptions = { probe: false };

describeOnBackends('the doctor finds', () => {
  let policy: TabularPolicy;
  beforeEach(() => {
    policy = tabularPolicy();
  });
  afterEach(() => policy.dispose());

  /** Errors and warnings. */
  async function complaints(run: Run, options: DoctorOptions = QUICK): Promise<Finding[]> {
    const { findings, healthy } = await doctor(run, options);
    const wrong = findings.filter(({ severity }) => severity !== 'note');
    expect(healthy).toBe(wrong.length === 0);
    return wrong;
  }

  /** That the doctor finds this and nothing else. */
  async function expectOnly(code: FindingCode, run: Run, options?: DoctorOptions): Promise<Finding> {
    const found = await complaints(run, options);
    expect([...new Set(found.map((finding) => finding.code))]).toEqual([code]);
    return found[0] as Finding;
  }

  const declaring =
    (name: string, sampling: LevelRollout['sampling']) =>
    (level: LevelRollout<TokenContext>): LevelRollout<TokenContext> =>
      level.name === name ? { ...level, sampling } : level;

  describe('guidance mismatch', () => {
    it.each([1.05, 2, 5])('declared, as T2I-R1 does: scale %d', async (scale) => {
      const run = tabularRun(policy, { image: { guidance: { scale, logProbs: 'conditional' } } });
      const finding = await expectOnly('guidance-mismatch', run);
      expect(finding).toMatchObject({ level: 'token', severity: 'warning' });
      expect(finding.suggestion).toContain('T2I-R1');
    });

    it.each([1.05, 2, 5])('not declared: scale %d', async (scale) => {
      const run = tabularRun(policy, { image: { guidance: { scale } } });
      const rollout = changedLevels(run, declaring('token', {}));
      const finding = await expectOnly('guidance-mismatch', { ...run, rollout });
      expect(finding).toMatchObject({ level: 'token', severity: 'error' });
      expect(finding.message).toContain(`fit guidance of scale ${scale}, but the level says no guidance`);
    });
  });

  it.each([
    [1.3, 0.9],
    [5, 0.7],
    [3, 2],
  ])('guidance %d and temperature %d, neither declared', async (scale, temperature) => {
    const run = tabularRun(policy, { image: { guidance: { scale }, temperature } });
    const rollout = changedLevels(run, declaring('token', {}));
    const finding = await expectOnly('guidance-mismatch', { ...run, rollout });
    expect(finding.message).toContain(`fit guidance of scale ${scale} at temperature ${temperature}, but`);
  });

  describe('temperature mismatch', () => {
    it.each([0.99, 0.7, 0.3])('sampled at %d, scored at 1', async (temperature) => {
      const run = tabularRun(policy, { text: { temperature } });
      const rollout = changedLevels(run, declaring('semantic', { maxTokens: 8 }));
      const finding = await expectOnly('temperature-mismatch', { ...run, rollout });
      expect(finding).toMatchObject({ level: 'semantic', severity: 'error' });
      expect(finding.message).toContain(`fit temperature ${temperature}, but the level says 1`);
    });
  });

  describe('policy.logProbs', () => {
    it.each([1.01, 1.3, 0.7])('that ignores temperature %d', async (temperature) => {
      const direct = tabularPolicy({ logProbs: true });
      const careless: Policy = {
        ...direct,
        logProbs: (contexts, completion, space) =>
          (direct.logProbs as NonNullable<Policy['logProbs']>)(contexts, completion, space, 1),
      };
      const finding = await expectOnly('ratio-not-one', tabularRun(careless, { image: { temperature } }));
      expect(finding).toMatchObject({ level: 'token', severity: 'error' });
      expect(finding.message).toContain('policy.logProbs does not agree with policy.logits');
      expect(finding.suggestion).toContain('temperature');
      direct.dispose();
    });

    it('that is right is not blamed for an undeclared temperature', async () => {
      const direct = tabularPolicy({ logProbs: true });
      const run = tabularRun(direct, { image: { temperature: 0.7 } });
      await expectOnly('temperature-mismatch', {
        ...run,
        rollout: changedLevels(run, declaring('token', {})),
      });
      direct.dispose();
    });
  });

  describe('padding leak', () => {
    it.each([1e-3, 0.03, 1])('logits that depend on the padding by %d', async (strength) => {
      const leaky: Policy = {
        ...policy,
        logits: (contexts, completion, space) =>
          tf.tidy(() => {
            const logits = policy.logits(contexts, completion, space);
            // As attention would that sees padded positions.
            const padding = tf.tensor1d(
              Array.from(completion.lengths, (length) => completion.width - length),
            );
            const tilt = tf.linspace(-1, 1, logits.shape[2]);
            const leak = tf.mul(padding.reshape([-1, 1, 1]), tf.mul(tilt, strength / completion.width));
            return tf.add(logits, leak) as tf.Tensor3D;
          }),
      };
      const finding = await expectOnly('padding-leak', tabularRun(leaky));
      expect(finding).toMatchObject({ level: 'semantic', severity: 'error' });
    });
  });

  describe('frozen level', () => {
    it.each([0.003, 1e-4, 0])('a weight of %d', async (weight) => {
      const run = { ...twoLevelRun(), objective: t2iR1({ levels: { semantic: { weight } } }) };
      const finding = await expectOnly('frozen-level', run);
      expect(finding.level).toBe('semantic');
      expect(finding.evidence).toContain(`weight ${weight}`);
    });

    it('a copy of the policy samples it', async () => {
      const own = identityPolicy({ vocabulary: 6 });
      const run = twoLevelRun(own);
      const rollout = biLevelRollout<number, TokenContext>({
        policy: own,
        semantic: {
          policy: { ...own },
          space: 'text',
          sampling: { maxTokens: 1 },
          context: (prompt) => ({ ids: Int32Array.of(prompt) }),
        },
        token: { space: 'image', sampling: {}, context: (_, plan) => ({ ids: plan.ids }) },
      });
      const finding = await expectOnly('frozen-level', { ...run, rollout });
      expect(finding).toMatchObject({ level: 'semantic', severity: 'error' });
      expect(finding.message).toContain('a copy of the policy');
    });

    it('its variables are missing', async () => {
      const { variables, ...rest } = policy;
      const partial = {
        ...rest,
        variables: Object.fromEntries(Object.entries(variables).filter(([name]) => name.startsWith('image'))),
      };
      const finding = await expectOnly('frozen-level', tabularRun(partial));
      expect(finding).toMatchObject({ level: 'semantic', severity: 'error' });
      expect(finding.message).toContain('depend on 2 variables that are not in policy.variables');
    });

    it('one of its variables is missing, which may be meant', async () => {
      const { 'text/bias': bias, ...variables } = policy.variables;
      const before = tf.memory().numTensors;
      const { findings, healthy } = await doctor(tabularRun({ ...policy, variables }), QUICK);
      expect(healthy).toBe(true);
      expect(findings).toMatchObject([{ code: 'frozen-level', severity: 'note', level: 'semantic' }]);
      expect(findings[0]?.evidence).toBe(`TensorFlow.js's names for them: ${bias?.name}`);
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  describe('constant reward', () => {
    it.each([7, 9, 12])('%d of 12 groups are flat', async (flat) => {
      let groups = 0;
      const run: Run = {
        ...oneLevelRun(),
        reward: async (samples) => {
          const results = await matches(samples);
          return results.map((result, i) => {
            if (i % 8 === 0) groups++;
            return (groups * 5) % 12 < flat ? score(0.5) : result;
          });
        },
      };
      const finding = await expectOnly('flat-groups', run);
      expect(finding.severity).toBe(flat === 12 ? 'error' : 'warning');
      // Where it is close, more groups are looked at.
      if (flat === 7) expect(groups).toBeGreaterThan(12);
      else expect(groups).toBe(12);
      expect(finding.evidence).toContain(` of ${groups} groups`);
    });
  });

  describe('a dominating reward', () => {
    it.each([10, 100, 1000])('%d times as large as the other', async (factor) => {
      const finding = await expectOnly('dominating-reward', ensembleRun(policy, factor));
      expect(finding.reward).toBe('low');
    });
  });

  describe('a KL weight that is too large', () => {
    it.each([1, 5, 500])('β = %d, told by the rise that is left', async (klWeight) => {
      const run = { ...oneLevelRun(), objective: grpo({ klWeight }) };
      const finding = await expectOnly('kl-weight-too-large', run, {});
      expect(finding.evidence).toMatch(/20 steps .* without the penalty and by .* with it/);
      expect(finding.suggestion).toContain(`Lower klWeight: it is ${klWeight}.`);
    });

    it.each([10, 50, 500])('β = %d, told by its gradient where steps are small', async (klWeight) => {
      const run = { ...oneLevelRun(), objective: grpo({ klWeight }), learningRate: 0.005 };
      const finding = await expectOnly('kl-weight-too-large', run, {});
      expect(finding.suggestion).toMatch(/they would balance at about \d/);
    });

    it.each([0.1, 0.03, 0.005])('and a usual one is not, at learning rate %d', async (learningRate) => {
      const run = { ...oneLevelRun(), objective: grpo({ klWeight: 0.04 }), learningRate };
      const { findings } = await doctor(run);
      expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    });
  });

  describe('wrong mask', () => {
    const lengthened = (by: number) => (level: LevelRollout<TokenContext>) => {
      if (level.name !== 'semantic') return level;
      const { completion } = level;
      const lengths = completion.lengths.map((length) =>
        Math.min(completion.width, Math.max(1, length + by)),
      );
      return { ...level, completion: { ...completion, lengths } };
    };

    it.each([
      ['one token too many', 1],
      ['three tokens too many', 3],
      ['the full width', 99],
      ['one token too few', -1],
      ['two tokens too few', -2],
      ['only the first token', -99],
    ])('%s', async (_, by) => {
      const run = tabularRun(policy);
      const finding = await expectOnly('wrong-mask', { ...run, rollout: changedLevels(run, lengthened(by)) });
      expect(finding).toMatchObject({ level: 'semantic', severity: 'error' });
    });

    it('tokens without recorded log-probs, in a text without an end token', async () => {
      const { text, image } = policy.spaces as { text: TextSpace; image: ImageSpace };
      const endless = { ...policy, spaces: { text: { ...text, endToken: undefined }, image } };
      const run = tabularRun(endless);
      const rollout = changedLevels(run, (level) => {
        if (level.name !== 'semantic') return level;
        const behaviourLogProbs = level.behaviourLogProbs.slice();
        behaviourLogProbs.fill(0, 3 * 8 + 6, 4 * 8);
        return { ...level, behaviourLogProbs };
      });
      const finding = await expectOnly('wrong-mask', { ...run, rollout });
      expect(finding.evidence).toContain(
        '2 tokens at the end of rows count without a recorded log-prob; 1 of 32',
      );
    });

    it.each([0.5, 0.9, 0.98])('but not certain tokens of a hidden top-p %d', async (topP) => {
      const run = tabularRun(policy, { image: { topP } });
      const rollout = changedLevels(run, declaring('token', {}));
      await expectOnly('truncation-not-recorded', { ...run, rollout });
    });

    it('a single row, in a space without an end token', async () => {
      const run = tabularRun(policy);
      const rollout = changedLevels(run, (level) => {
        if (level.name !== 'token') return level;
        const lengths = level.completion.lengths.slice();
        lengths[5] = 4;
        return { ...level, completion: { ...level.completion, lengths } };
      });
      const finding = await expectOnly('wrong-mask', { ...run, rollout });
      expect(finding.evidence).toContain('1 rows stop before maxTokens 5');
    });
  });

  describe('dropout', () => {
    it.each([1e-3, 0.05, 1])('logits that vary by %d', async (strength) => {
      let call = 0;
      const noisy: Policy = {
        ...policy,
        logits: (contexts, completion, space) =>
          tf.tidy(() => {
            const logits = policy.logits(contexts, completion, space);
            const noise = normalValues(uniformStream('dropout', call++), logits.size);
            return tf.add(logits, tf.mul(strength, tf.tensor3d(noise, logits.shape))) as tf.Tensor3D;
          }),
      };
      const finding = await expectOnly('dropout', tabularRun(noisy));
      expect(finding.severity).toBe('error');
    });
  });

  describe('stale reference', () => {
    it.each([1e-3, 0.05, 1])('weights that are off by %d', async (strength) => {
      const reference = freezeReference(policy);
      for (const [name, variable] of Object.entries(policy.variables)) {
        const noise = normalValues(uniformStream('stale', name), variable.size);
        tf.tidy(() => variable.assign(tf.add(variable, tf.mul(strength, tf.tensor(noise, variable.shape)))));
      }
      const finding = await expectOnly('stale-reference', { ...tabularRun(policy), reference });
      expect(finding.severity).toBe('warning');
      reference.dispose();
    });
  });
});
