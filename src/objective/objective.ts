import { BicotError } from '../errors.js';
import { type AdvantageScale, checkEpsilon, checkScale } from './advantages.js';
import { checkLossObjective, type LevelObjective } from './loss.js';
import { checkNormalizer, checkWeight } from './weights.js';

/** How rewards become advantages. How several rewards become one is the ensemble's business. */
export interface AdvantageObjective {
  readonly scale: AdvantageScale;
  /** Added to every spread: finite, not negative. */
  readonly epsilon: number;
}

/** All that GRPO optimises, as plain data: print it, save it, or change it with a spread. */
export interface Objective {
  /** For logs. */
  readonly name: string;
  readonly advantages: AdvantageObjective;
  /** One token mean over all levels together, instead of each level with its own normaliser. */
  readonly joint: boolean;
  /** What every level has, unless `levels` says otherwise. */
  readonly level: LevelObjective;
  /** What a level has of its own, by the level's name. */
  readonly levels?: Readonly<Record<string, Partial<LevelObjective>>>;
}

/**
 * The objective of one level: the common one with the level's own settings over it.
 * @throws BicotError `value` if a setting of the level, or of the advantages that all levels share, makes no sense
 */
export function levelObjective(objective: Objective, name: string): LevelObjective {
  const own = objective.levels && Object.hasOwn(objective.levels, name) ? objective.levels[name] : undefined;
  // A setting that is present but undefined must not hide the common one.
  const settings = Object.entries(own ?? {}).filter(([, value]) => value !== undefined);
  const level: LevelObjective = { ...objective.level, ...Object.fromEntries(settings) };
  const what = `objective '${objective.name}', level '${name}'`;
  checkScale(what, objective.advantages.scale);
  checkEpsilon(what, objective.advantages.epsilon);
  checkWeight(what, level.weight);
  checkNormalizer(what, level.normalizer);
  checkLossObjective(what, level);
  if (objective.joint && level.normalizer !== 'token-mean') {
    throw new BicotError(
      'value',
      `${what}: joint is one token mean over all levels, so the normalizer must be 'token-mean'. Change it, or set joint to false.`,
    );
  }
  return level;
}
