import { type PromptRow, type RewardEnsemble, rewardEnsemble } from 'bicot';
import type { Atlas } from '../emoji/atlas.js';
import type { RewardWeights } from '../emoji/choose-rewards.js';
import { verdictReward, weightedRewards } from '../emoji/experiment.js';
import { createJudge } from '../emoji/judge.js';

/**
 * What is trained on: what a picture shows against what was asked for, in two ways, and how clean it is. As in T2I-R1, nothing
 * compares a picture with its plan; the demo's `faithful` does, and is measured alone and in addition.
 */
export const BENCH_WEIGHTS = {
  detector: 0.5,
  attribute: 0.35,
  quality: 0.15,
} as const satisfies RewardWeights;

/** In evaluations all four are asked. */
export const MEASURED: RewardWeights = { ...BENCH_WEIGHTS, faithful: 0.1 };

/**
 * Everything that is said about a picture in an evaluation: four rewards, whatever was trained on, and two judges that
 * no run trains on. `judge` is strict, 1 or 0; `aspects` is the share of what was asked for that is there.
 */
export function benchMeasures(atlas: Atlas): RewardEnsemble<PromptRow> {
  const judge = createJudge(atlas);
  return rewardEnsemble<PromptRow>({
    ...weightedRewards(atlas, MEASURED),
    judge: {
      monitor: true,
      reward: verdictReward((row, image) => (judge.judgeSample(row, image) ? 1 : 0)),
    },
    aspects: {
      monitor: true,
      reward: verdictReward((row, image) => {
        const aspects = judge.judgeAspects(row, image);
        return aspects.filter(Boolean).length / aspects.length;
      }),
    },
  });
}
