import { BicotError, isBicotError } from '../../../errors.js';
import type { Objective } from '../../../objective/objective.js';
import { type PresetName, presetObjective } from '../../../objective/presets.js';
import type { RunSettings } from '../../run/definition.js';

/**
 * The objective that a configuration names.
 * @throws BicotError `value` for options that the preset does not have or that make no sense
 */
export function objectiveOf(objective: RunSettings['objective'] = 't2iR1'): Objective {
  if (typeof objective === 'string') return presetObjective(objective);
  if (!('preset' in objective)) return objective;
  const { preset, ...options } = objective;
  return presetObjective(preset as PresetName, options);
}

/**
 * Says what is wrong with an objective when a configuration is read, not once a model of gigabytes is loaded.
 * @param where the file
 * @throws BicotError `value`
 */
export function checkObjective(where: string, objective: RunSettings['objective']): void {
  try {
    objectiveOf(objective);
  } catch (cause) {
    if (!isBicotError(cause)) throw cause;
    throw new BicotError('value', `${where}: objective: ${cause.message}`, { cause });
  }
}
