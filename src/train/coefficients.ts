import {
  type CoefficientState,
  coefficientValue,
  initialState,
  nextState,
} from '../objective/coefficient.js';
import type { ByLevel, LevelName } from '../objective/level-name.js';
import { type LossCoefficients, levelObjective, type Objective } from '../objective/objective.js';

/** Where a level's coefficients stand. Plain data. */
export interface LevelCoefficients {
  /** Of β, the weight of the KL penalty. */
  readonly kl: CoefficientState;
  /** Of the weight of the entropy bonus. */
  readonly entropy: CoefficientState;
}

/** Where all coefficients stand, by level. */
export type Coefficients = ByLevel<LevelCoefficients>;

/** What was measured of a level in a step. */
export interface ObservedLevel {
  /** KL(policy ‖ reference) per token, in nats. */
  readonly kl: number;
  /** Per token, in nats. */
  readonly entropy: number;
}

/** Where the coefficients of these levels stand: as given, and at their start where nothing is. */
export function startCoefficients(
  objective: Objective,
  levels: readonly LevelName[],
  given: Coefficients = {},
): Coefficients {
  return Object.fromEntries(
    levels.map((name) => {
      const { klWeight, entropyWeight } = levelObjective(objective, name);
      const start = { kl: initialState(klWeight), entropy: initialState(entropyWeight) };
      return [name, { ...start, ...given[name] }];
    }),
  );
}

/** What they are worth in the next update, by level. */
export function lossCoefficients(
  objective: Objective,
  coefficients: Coefficients,
): Record<string, LossCoefficients> {
  return Object.fromEntries(
    Object.entries(coefficients).map(([name, { kl, entropy }]) => {
      const { klWeight, entropyWeight } = levelObjective(objective, name);
      const values = {
        klWeight: coefficientValue(klWeight, kl),
        entropyWeight: coefficientValue(entropyWeight, entropy),
      };
      return [name, values];
    }),
  );
}

/** Where they stand after a step. A level without a measurement (nothing was trained) stays where it is. */
export function advanceCoefficients(
  objective: Objective,
  coefficients: Coefficients,
  observed: Readonly<Record<string, ObservedLevel | undefined>>,
): Coefficients {
  return Object.fromEntries(
    Object.entries(coefficients).map(([name, state]) => {
      const seen = observed[name];
      if (seen === undefined) return [name, state];
      const { klWeight, entropyWeight } = levelObjective(objective, name);
      const next = {
        kl: nextState(klWeight, state.kl, seen.kl),
        entropy: nextState(entropyWeight, state.entropy, seen.entropy),
      };
      return [name, next];
    }),
  );
}
