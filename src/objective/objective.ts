import { BicotError } from '../errors.js';
import { assertFlag, assertKnownOptions } from '../options.js';
import {
  type AdvantageBaseline,
  type AdvantageScale,
  checkAdvantageClip,
  checkBaseline,
  checkEpsilon,
  checkScale,
} from './advantages.js';
import { type Coefficient, checkCoefficient, coefficientValue, initialState } from './coefficient.js';
import { checkEntropyShare } from './entropy.js';
import type { ImportanceCorrection } from './importance.js';
import type { KlKind } from './kl.js';
import type { ByLevel, LevelName } from './level-name.js';
import { checkLossObjective, LOSS_SETTINGS, type LossObjective } from './loss.js';
import type { RatioLevel } from './ratio.js';
import type { Surrogate } from './surrogates/surrogate.js';
import { checkNormalizer, checkWeight, type Normalizer } from './weights.js';
import { checkZeroVariance, type ZeroVariance } from './zero-variance.js';

/** The objective of one level. */
export interface LevelObjective {
  /** How much the level counts; 0 leaves it out of the loss. */
  readonly weight: number;
  /** How its tokens are averaged. */
  readonly normalizer: Normalizer;
  /** What is compared with the policy that sampled: tokens or sequences. */
  readonly ratio: RatioLevel;
  /** How ratio and advantage become a loss: `clipped(…)`, `unclipped()`, `clippedWeight(…)`, `softGate(…)`, or your own. */
  readonly surrogate: Surrogate;
  /** β: how strongly the reference pulls, fixed or adaptive. 0 needs no reference. */
  readonly klWeight: Coefficient;
  /** How the KL is estimated from the tokens that were sampled; `k3` in every preset. */
  readonly klEstimator: KlKind;
  /** Multiply the KL by the ratio. */
  readonly klImportance: boolean;
  /** How much entropy is worth, fixed or adaptive. */
  readonly entropyWeight: Coefficient;
  /** ρ: only the share ρ of the tokens with the highest entropy has a policy loss. 1 is all. */
  readonly topEntropyShare: number;
  /** Weighs samples by how probable they were to the policy at the first update; `null`: not. */
  readonly importance: ImportanceCorrection | null;
  /** Drops bad samples that the policy has left by more nats per token; `null`: none. */
  readonly offPolicyThreshold: number | null;
}

/** How rewards become advantages. How several rewards become one is the ensemble's business. */
export interface AdvantageObjective {
  /** What deviations from the baseline are divided by. */
  readonly scale: AdvantageScale;
  /** Added to every spread: finite, not negative. */
  readonly epsilon: number;
  /** What a sample is compared with. */
  readonly baseline: AdvantageBaseline;
  /** Advantages are clipped to ± this; `null`: not at all. */
  readonly clip: number | null;
  /** What becomes of groups whose samples all got the same reward. */
  readonly zeroVariance: ZeroVariance;
  /** Whether the KL penalty acts on them too, where they are kept. */
  readonly zeroVarianceKl: boolean;
}

/** All that GRPO optimises, as plain data and a few small functions: print it, or change it with a spread. */
export interface Objective {
  /** For logs. */
  readonly name: string;
  /** The same for all levels. */
  readonly advantages: AdvantageObjective;
  /** One token mean over all levels together, instead of each level with its own normaliser. */
  readonly joint: boolean;
  /** What every level has, unless `levels` says otherwise. */
  readonly level: LevelObjective;
  /** What a level has of its own, by the level's name. */
  readonly levels?: ByLevel<Partial<LevelObjective>>;
}

/** Names of a level's settings. */
export const LEVEL_SETTINGS: readonly string[] = [
  'weight',
  'normalizer',
  ...LOSS_SETTINGS,
  'topEntropyShare',
] satisfies (keyof LevelObjective)[];

/**
 * The objective of one level: the common one with the level's own settings over it.
 * @throws BicotError `value` if a setting of the level, or of the advantages that all levels share, makes no sense
 * or does not exist
 */
export function levelObjective(objective: Objective, name: LevelName): LevelObjective {
  const own = objective.levels && Object.hasOwn(objective.levels, name) ? objective.levels[name] : undefined;
  // A setting that is present but undefined must not hide the common one.
  const settings = Object.entries(own ?? {}).filter(([, value]) => value !== undefined);
  if (own !== undefined)
    assertKnownOptions(`objective '${objective.name}', level '${name}'`, own, LEVEL_SETTINGS);
  const level: LevelObjective = { ...objective.level, ...Object.fromEntries(settings) };
  const what = `objective '${objective.name}', level '${name}'`;
  checkAdvantages(what, objective.advantages);
  assertKnownOptions(what, level, LEVEL_SETTINGS);
  checkWeight(what, level.weight);
  checkNormalizer(what, level.normalizer);
  checkCoefficient(what, 'klWeight', level.klWeight);
  checkCoefficient(what, 'entropyWeight', level.entropyWeight);
  checkEntropyShare(what, level.topEntropyShare);
  checkLossObjective(what, lossObjective(level));
  assertFlag(what, 'joint', objective.joint);
  if (objective.joint && level.normalizer !== 'token-mean') {
    throw new BicotError(
      'value',
      `${what}: joint is one token mean over all levels, so the normalizer must be 'token-mean'. Change it, or set joint to false.`,
    );
  }
  return level;
}

/** What the coefficients of a level's loss are worth. */
export interface LossCoefficients {
  /** β. */
  readonly klWeight: number;
  /** What the entropy bonus is multiplied by. */
  readonly entropyWeight: number;
}

/**
 * The part of a level's objective that its loss needs.
 * @param coefficients their present values. Default: those at the first update
 */
export function lossObjective(
  level: LevelObjective,
  coefficients: LossCoefficients = {
    klWeight: coefficientValue(level.klWeight, initialState(level.klWeight)),
    entropyWeight: coefficientValue(level.entropyWeight, initialState(level.entropyWeight)),
  },
): LossObjective {
  const { ratio, surrogate, klEstimator, klImportance, importance, offPolicyThreshold } = level;
  return { ratio, surrogate, klEstimator, klImportance, importance, offPolicyThreshold, ...coefficients };
}

function checkAdvantages(what: string, advantages: AdvantageObjective): void {
  assertKnownOptions(`${what}: advantages`, advantages, [
    'scale',
    'epsilon',
    'baseline',
    'clip',
    'zeroVariance',
    'zeroVarianceKl',
  ]);
  checkScale(what, advantages.scale);
  checkEpsilon(what, advantages.epsilon);
  checkBaseline(what, advantages.baseline);
  checkAdvantageClip(what, advantages.clip);
  checkZeroVariance(what, advantages.zeroVariance);
  assertFlag(what, 'zeroVarianceKl', advantages.zeroVarianceKl);
  if (!advantages.zeroVarianceKl && advantages.zeroVariance !== 'keep') {
    throw new BicotError(
      'value',
      `${what}: zeroVarianceKl is false, but groups without spread are not kept (${JSON.stringify(advantages.zeroVariance)}), so that there is no KL on them to switch off. Drop one of the two.`,
    );
  }
}
