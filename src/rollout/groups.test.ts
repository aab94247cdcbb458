import { beforeAll, describe, expect, it } from 'vitest';
import { context, tabularPolicy } from '../../test/support/tabular-policy.js';
import type { TokenContext } from '../policy/policy.js';
import { tokenRow } from '../policy/tokens.js';
import { biLevelRollout } from './bi-level.js';
import { concatRollouts, selectGroups } from './groups.js';
import { levelLogProbs } from './level-log-probs.js';
import type { RolloutFunction } from './request.js';
import type { Rollout } from './types.js';

let rollout: RolloutFunction<number, TokenContext>;
beforeAll(() => {
  // Two images of each plan; plans truncated, with what was kept.
  rollout = biLevelRollout<number, TokenContext>({
    policy: tabularPolicy(),
    semantic: {
      space: 'text',
      sampling: { maxTokens: 6, topP: 0.8, recordKept: true },
      context: (word) => context(word),
    },
    token: { space: 'image', sampling: {}, context: (word, plan) => context(word, ...plan.ids) },
    imagesPerPlan: 2,
  });
});
const roll = (prompts: number[], promptIds = prompts) =>
  rollout({ prompts, promptIds, groupSize: 4, step: 0, seed: 2 });

/** All that a sample has, told without padding. */
async function told({ levels, samples, prompts, groupSize }: Rollout<number, TokenContext>) {
  const scores = await Promise.all(
    levels.map(async (level) => {
      const scored = levelLogProbs(level);
      const values = [...(await scored.data())];
      scored.dispose();
      return Array.from({ length: level.completion.rows }, (_, row) => {
        const { width } = level.completion;
        const begin = row * width;
        const end = begin + (level.completion.lengths[row] as number);
        return {
          ids: [...tokenRow(level.completion, row)],
          context: level.contexts[row]?.ids.join(),
          behaviour: [...level.behaviourLogProbs.subarray(begin, end)],
          entropy: [...level.entropy.subarray(begin, end)],
          scored: values.slice(begin, end).map((value) => value.toFixed(5)),
        };
      });
    }),
  );
  return { prompts, groupSize, scores, samples };
}

describe('groups of a rollout', () => {
  it('selected are those that a rollout of their prompts would have', async () => {
    const all = await roll([1, 2, 3]);
    const some = selectGroups(all, [2, 0]);
    expect(await told(some)).toEqual(await told(await roll([3, 1])));
    expect(selectGroups(all, []).levels.map(({ completion }) => completion.rows)).toEqual([0, 0]);
    expect(() => selectGroups(all, [3])).toThrow(/no group 3; the rollout has 3/);
  });

  it('put together are as if rolled out at once, whatever their widths', async () => {
    const parts = [await roll([1]), await roll([2, 3])];
    const widths = parts.map(({ levels }) => levels[0]?.completion.width);
    expect(new Set(widths).size).toBe(2);
    expect(await told(concatRollouts(parts))).toEqual(await told(await roll([1, 2, 3])));
    expect(concatRollouts([parts[0] as (typeof parts)[0]])).toBe(parts[0]);
  });

  it('of other sizes or levels are refused', async () => {
    const [a, b] = [await roll([1]), await roll([2])];
    expect(() => concatRollouts([])).toThrow(/no rollouts/);
    expect(() => concatRollouts([a, { ...b, groupSize: 2 }])).toThrow(
      /groups of 2 .* do not go with groups of 4/,
    );
    expect(() => concatRollouts([a, { ...b, levels: b.levels.slice(1) }])).toThrow(
      /with levels token do not go/,
    );
  });
});
