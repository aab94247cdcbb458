import { BicotError } from '../errors.js';
import type { LevelObjective } from '../objective/loss.js';
import { levelObjective, type Objective } from '../objective/objective.js';
import { tokenWeights } from '../objective/weights.js';
import { isGuided } from '../policy/distribution.js';
import type { Policy } from '../policy/policy.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { repeatHostRows } from '../tensor/repeat-rows.js';

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
 * @throws BicotError `value` for an objective that makes no sense, or with settings for a level that the rollout
 * does not have
 */
export function levelBatches<P, C>(
  policy: Policy<C>,
  rollout: Rollout<P, C>,
  advantages: Float32Array,
  objective: Objective,
): LevelBatch<C>[] {
  checkLevelNames(objective, rollout);
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

/** A setting for a level that does not exist would silently do nothing. */
function checkLevelNames<P, C>(objective: Objective, { levels }: Rollout<P, C>): void {
  const unknown = Object.keys(objective.levels ?? {}).filter(
    (key) => !levels.some(({ name }) => name === key),
  );
  if (unknown.length > 0) {
    throw new BicotError(
      'value',
      `levelBatches: the objective '${objective.name}' has settings for ${quoted(unknown)}, but the rollout has the levels ${quoted(levels.map(({ name }) => name))}. Name the settings after the rollout's levels, or drop them.`,
    );
  }
}

/**
 * Throws unless the policy that is trained sampled at least one level: otherwise no step would ever learn.
 * @throws BicotError `value`
 */
export function assertOwnLevel<P, C>(where: string, policy: Policy<C>, { levels }: Rollout<P, C>): void {
  if (levels.some((level) => level.policy === policy)) return;
  throw new BicotError(
    'value',
    `${where}: the policy that is trained sampled none of the rollout's levels (${quoted(levels.map(({ name }) => name))}), so there is nothing to train. Give the same object to the rollout and to train: a spread copy or a wrapper of a policy counts as another one.`,
  );
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');
