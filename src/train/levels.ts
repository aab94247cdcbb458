import { BicotError } from '../errors.js';
import { isActive } from '../objective/coefficient.js';
import { topEntropyMask } from '../objective/entropy.js';
import {
  type LevelObjective,
  type LossCoefficients,
  levelObjective,
  lossObjective,
  type Objective,
} from '../objective/objective.js';
import { tokenWeights } from '../objective/weights.js';
import { isGuided } from '../policy/distribution.js';
import type { Policy } from '../policy/policy.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import { tokenMask } from '../policy/tokens.js';
import type { LevelTerms } from '../rollout/terms.js';
import type { LevelRollout, Rollout } from '../rollout/types.js';
import { repeatHostRows } from '../tensor/repeat-rows.js';

/** One level of a rollout with all that its loss needs, on the host. R rows, N samples, `R · samplesPerRow = N`. */
export interface LevelBatch<C> extends LevelTerms<C> {
  /** Of this level, with what it has of its own. */
  readonly objective: LevelObjective;
  /** Sampled by the policy that is trained. Others are neither scored again nor trained. */
  readonly own: boolean;
  /** Contributes a gradient: own tokens, a weight, and a KL penalty, an entropy bonus or a non-zero advantage. */
  readonly trained: boolean;
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

/** What else `levelBatches` may be told. */
export interface LevelBatchOptions {
  /** Present values of the coefficients, by level. Default: those at the first update. */
  readonly coefficients?: Readonly<Record<string, LossCoefficients>>;
  /** `[B]`: groups without spread, for `zeroVarianceKl: false`. Default: those whose advantages are all 0. */
  readonly flat?: readonly boolean[];
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
  options: LevelBatchOptions = {},
): LevelBatch<C>[] {
  checkLevelNames(objective, rollout);
  const objectives = rollout.levels.map(({ name }) => levelObjective(objective, name));
  const weights = tokenWeights(
    rollout.levels.map((level, i) => ({
      ...samplesOf(level),
      weight: (objectives[i] as LevelObjective).weight,
      normalizer: (objectives[i] as LevelObjective).normalizer,
      maxLength: level.sampling.maxTokens ?? imageLength(level),
    })),
    { joint: objective.joint },
  );
  const informative = advantages.some((advantage) => advantage !== 0);
  return rollout.levels.map((level, i) => {
    const own = level.policy === policy;
    const ofLevel = objectives[i] as LevelObjective;
    const { weight, klWeight, entropyWeight, importance } = ofLevel;
    const loss = lossObjective(ofLevel, options.coefficients?.[level.name]);
    const pulled = isActive(klWeight) || isActive(entropyWeight) || informative;
    const batch: LevelBatch<C> = {
      level,
      objective: ofLevel,
      loss,
      own,
      trained: own && weight > 0 && tokenCount(level) > 0 && pulled,
      advantages,
      weights: weights[i] as Float32Array,
      ...(trainsOtherDistribution(level) || importance ? {} : { oldLogProbs: level.behaviourLogProbs }),
    };
    return own ? { ...batch, ...masks(batch, objective, rollout.groupSize, options.flat) } : batch;
  });
}

/** What a level's terms have for weights besides the tokens'. */
function masks<C>(
  { level, objective, loss, weights, advantages }: LevelBatch<C>,
  { advantages: { zeroVarianceKl } }: Objective,
  groupSize: number,
  flat: readonly boolean[] | undefined,
): Pick<LevelBatch<C>, 'policyFactor' | 'klWeights' | 'entropyWeights'> {
  const { lengths, width } = samplesOf(level);
  const { weight, topEntropyShare } = objective;
  const policyFactor =
    topEntropyShare < 1 ? topEntropyMask(entropyOf(level), sampleMask(level), topEntropyShare) : undefined;
  const result: { -readonly [K in 'policyFactor' | 'klWeights' | 'entropyWeights']?: Float32Array } = {};
  if (policyFactor) result.policyFactor = policyFactor;
  if (loss.entropyWeight !== undefined && loss.entropyWeight > 0) {
    // The mean entropy of the tokens that have a policy loss, as TRL.
    const mask = policyFactor ?? sampleMask(level);
    const counts = lengths.map((_, row) =>
      mask.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value, 0),
    );
    [result.entropyWeights] = tokenWeights([
      { lengths: counts, width, mask, weight, normalizer: 'token-mean' },
    ]);
  }
  if (!zeroVarianceKl) {
    const isFlat = (row: number): boolean => {
      const group = Math.floor(row / groupSize);
      if (flat) return flat[group] as boolean;
      return advantages.subarray(group * groupSize, (group + 1) * groupSize).every((value) => value === 0);
    };
    result.klWeights = weights.map((value, i) => (isFlat(Math.floor(i / width)) ? 0 : value));
  }
  return result;
}

/** Lengths of the samples, `[N]`, where rows are shared, and the width. */
function samplesOf<C>({ completion, samplesPerRow }: LevelRollout<C>): {
  lengths: Int32Array;
  width: number;
} {
  return { lengths: repeatHostRows(completion.lengths, 1, samplesPerRow), width: completion.width };
}

/** `[N · T]`: 1 where a sample's token is valid. */
function sampleMask<C>({ completion, samplesPerRow }: LevelRollout<C>): Float32Array {
  return repeatHostRows(tokenMask(completion), completion.width, samplesPerRow);
}

/** `[N · T]`: of the distributions that were sampled from. */
function entropyOf<C>({ entropy, completion, samplesPerRow }: LevelRollout<C>): Float32Array {
  return repeatHostRows(entropy, completion.width, samplesPerRow);
}

function imageLength<C>({ policy, space }: LevelRollout<C>): number | undefined {
  const tokens = tokenSpaceOf(policy, space);
  return tokens.kind === 'image' ? tokens.length : undefined;
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
