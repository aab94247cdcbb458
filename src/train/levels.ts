import type { LevelObjective } from '../objective/loss.js';
import { levelObjective, type Objective } from '../objective/objective.js';
import { tokenWeights } from '../objective/weights.js';
import { isGuided } from '../policy/distribution.js';
import type { Policy } from '../policy/policy.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { repeatHostRows } from './micro-batch.js';

/** One level of a rollout with all that its loss needs, on the host. R rows, N samples, `R · samplesPerRow = N`. */
export interface LevelBatch<C> {
  readonly level: LevelRollout<C>;
  readonly objective: LevelObjective;
  /** Sampled by the policy that is trained. Others are neither scored again nor trained. */
  readonly own: boolean;
  /** Contributes a gradient: own tokens, a weight, and a KL penalty or a non-zero advantage. */
  readonly trained: boolean;
  /** `[N]`. */
  readonly advantages: Float32Array;
  /** `[N · T]`: of the whole batch, so that micro-batches add up to it exactly. */
  readonly weights: Float32Array;
  /** `[R · T]`: of the policy that sampled; absent where the policy's own at the first update stand for them. */
  readonly oldLogProbs?: Float32Array;
  /** `[R · T]`; absent without a KL penalty. */
  readonly referenceLogProbs?: Float32Array;
}

/** Valid tokens of a level, each row counted once. */
export function tokenCount<C>(level: LevelRollout<C>): number {
  return level.completion.lengths.reduce((sum, length) => sum + length, 0);
}

/**
 * Whether a level trains log-probs of a distribution that it was not sampled from (guidance `conditional`). Its
 * behaviour log-probs can't be the old ones then: the ratio would hold the guidance.
 */
export function trainsOtherDistribution<C>(level: LevelRollout<C>): boolean {
  const { guidance } = level.sampling;
  return isGuided(guidance) && guidance.logProbs === 'conditional';
}

/**
 * Joins a rollout with its advantages and its objective. All levels count in a joint normaliser, trained or not.
 * @param advantages `[N]`
 * @throws BicotError `value` for an objective that makes no sense
 */
export function levelBatches<P, C>(
  policy: Policy<C>,
  rollout: Rollout<P, C>,
  advantages: Float32Array,
  objective: Objective,
): LevelBatch<C>[] {
  const objectives = rollout.levels.map(({ name }) => levelObjective(objective, name));
  const weights = tokenWeights(
    rollout.levels.map(({ completion, samplesPerRow }, i) => ({
      lengths: repeatHostRows(completion.lengths, 1, samplesPerRow), // [N]
      width: completion.width,
      weight: (objectives[i] as LevelObjective).weight,
      normalizer: (objectives[i] as LevelObjective).normalizer,
    })),
    { joint: objective.joint },
  );
  const informative = advantages.some((advantage) => advantage !== 0);
  return rollout.levels.map((level, i) => {
    const { weight, klWeight } = objectives[i] as LevelObjective;
    const own = level.policy === policy;
    return {
      level,
      objective: objectives[i] as LevelObjective,
      own,
      trained: own && weight > 0 && tokenCount(level) > 0 && (klWeight > 0 || informative),
      advantages,
      weights: weights[i] as Float32Array,
      ...(trainsOtherDistribution(level) ? {} : { oldLogProbs: level.behaviourLogProbs }),
    };
  });
}
