/** What the benchmark of checkpointing says about bytes and gradients, at a size for tests. */
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../support/backends.js';
import { type LeanSizes, leanModel, leanSamples } from './bicot/lean-model.js';
import { leanCost } from './bicot/lean-session.js';
import { memorySaving, straightforward } from './bicot/lean-step.js';

const SIZES: LeanSizes = {
  ...{ width: 16, hidden: 44, layers: 4, heads: 2, text: 200, image: 40 },
  ...{ rows: 8, prompt: 6, plan: 16, imageLength: 24, rank: 4 },
};

describeOnBackends('a step with little memory', () => {
  for (const trained of ['adapters', 'all'] as const) {
    it(`has the gradients of all samples at once in a quarter of the bytes, ${trained} trained`, () =>
      expectNoLeak(async () => {
        const samples = leanSamples(SIZES);
        const model = leanModel(SIZES, trained);
        const usual = await leanCost(straightforward, model, samples);
        expect(usual.error).toBe(0);
        for (const checkpointing of [true, 2]) {
          const { tensorBytes, error } = await leanCost(memorySaving(checkpointing), model, samples);
          expect(error).toBeGreaterThan(0);
          expect(error).toBeLessThan(1e-5);
          expect(tensorBytes / usual.tensorBytes).toBeLessThan(0.25);
        }
        model.dispose();
      }));
  }
});
