/** Three steps of training the demo's policy, on each engine as on the plain cpu backend (test/reference/demo-steps.ts). */
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { describeOnBackends } from '../support/backends.js';
import { demoFixture, demoPolicy } from '../support/demo-policy.js';
import { type DemoSteps, demoSteps } from '../support/demo-steps.js';

const REFERENCE = JSON.parse(readFileSync(demoFixture('steps.json'), 'utf8')) as DemoSteps;

// A million weights are much for the plain cpu backend on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

describeOnBackends('training the demo policy', () => {
  it('does in three steps what it does on the plain cpu backend', async () => {
    const model = await demoPolicy();
    const { steps, moved, deviation } = await demoSteps(model, REFERENCE.seed);
    model.dispose();
    // What was sampled is what is trained.
    expect(deviation).toBeLessThan(1e-4);
    expect(steps.map(({ tokens }) => tokens)).toEqual(REFERENCE.steps.map(({ tokens }) => tokens));
    REFERENCE.steps.forEach(({ reward, gradNorm, kl }, s) => {
      const step = steps[s] as (typeof steps)[number];
      expect(step.reward).toBeCloseTo(reward, 6);
      expect(gradNorm).toBeGreaterThan(0);
      expect([step.gradNorm]).toBeAllclose([gradNorm], 1e-3);
      expect([...step.kl, 1e-2]).toBeAllclose([...kl, 1e-2], 1e-3);
    });
    for (const [name, { norm, cosine }] of Object.entries(REFERENCE.moved)) {
      expect(norm, name).toBeGreaterThan(0);
      const got = moved[name] as { norm: number; cosine: number };
      expect([got.norm, got.cosine, norm], name).toBeAllclose([norm, cosine, norm], 1e-3);
    }
  });
});
