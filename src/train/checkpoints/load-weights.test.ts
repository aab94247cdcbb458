import { exportWeights } from 'bicot/models';
import { beforeAll, describe, expect, it } from 'vitest';
import { wholeModelRun } from '../../../test/support/resumable-runs.js';
import { smallTransformer } from '../../../test/support/small-transformer.js';
import { memoryFolder } from '../../models/checkpoints/memory-folder.js';
import { train } from '../train.js';
import { loadRunWeights } from './load-weights.js';

describe('loadRunWeights', () => {
  const folder = memoryFolder();
  /** After each step: weights and average. */
  const seen: { weights: unknown; average: unknown }[] = [];
  beforeAll(async () => {
    const options = await wholeModelRun(3).begin();
    const values = [1, 5, 2];
    const keepBest = { count: 1, by: ({ step }: { step: number }) => values[step] as number };
    const checkpoints = { folder, every: 1, keepLast: 1, keepBest };
    for await (const { ema } of train({ ...options, checkpoints })) {
      const weights = await exportWeights(options.policy.variables);
      seen.push({ weights, average: await ema?.use(() => exportWeights(options.policy.variables)) });
    }
    options.policy.dispose();
    options.optimizer?.dispose();
  });

  it.each([
    [undefined, 3],
    ['best', 2],
    [2, 2],
  ] as const)('puts the weights of %s into a policy, or the average', async (checkpoint, step) => {
    const policy = await smallTransformer();
    const options = checkpoint === undefined ? {} : { checkpoint };
    expect(await loadRunWeights(folder, policy.variables, options)).toBe(step);
    expect(await exportWeights(policy.variables)).toEqual(seen[step - 1]?.weights);
    await loadRunWeights(folder, policy.variables, { ...options, ema: true });
    expect(await exportWeights(policy.variables)).toEqual(seen[step - 1]?.average);
    policy.dispose();
  });

  it('says what there is not', async () => {
    const policy = await smallTransformer();
    await expect(loadRunWeights(folder, policy.variables, { checkpoint: 1 })).rejects.toThrow(
      /no checkpoint of step 1; it has 3, 2/,
    );
    await expect(loadRunWeights(memoryFolder(), policy.variables)).rejects.toThrow(/holds no checkpoint/);
    await expect(loadRunWeights(folder, {})).rejects.toThrow(/same tensors as this run/);
    policy.dispose();
  });
});
