import { type PromptRow, type RewardEnsemble, rewardEnsemble } from 'bicot';
import type { Atlas } from '../emoji/atlas.js';
import { REWARD_WEIGHTS } from '../emoji/choose-rewards.js';
import { verdictReward, weightedRewards } from '../emoji/experiment.js';
import { createJudge } from '../emoji/judge.js';

/**
 * Everything that is said about a picture in an evaluation: the four rewards, whatever was trained on, and two judges that
 * no run trains on. `judge` is strict, 1 or 0; `aspects` is the share of what was asked for that is there.
 */
export function benchMeasures(atlas: Atlas): RewardEnsemble<PromptRow> {
  const judge = createJudge(atlas);
  return rewardEnsemble<PromptRow>({
    ...weightedRewards(atlas, REWARD_WEIGHTS),
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
