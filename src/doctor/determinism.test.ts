import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type Run, tabularRun } from '../../test/support/doctor-runs.js';
import { tabularPolicy } from '../../test/support/tabular-policy.js';
import { normalValues, uniformStream } from '../tensor/noise.js';
import { doctor } from './doctor.js';

describe('the doctor on samplers', () => {
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
    const policy = tabularPolicy();
    const run = tabularRun(policy);
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
    policy.dispose();
  });
});
