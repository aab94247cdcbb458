import { BicotError } from '../errors.js';
import { keptBytes } from '../policy/kept.js';
import { selectTokenRows } from '../policy/tokens.js';
import { concatCompletions } from '../sampling/concat.js';
import { type HostNumbers, pickHostRows } from '../tensor/host-rows.js';
import type { LevelRollout, Rollout } from './types.js';

/**
 * The rollout of some of the prompts, in the order given. Samples' `group` counts anew.
 * @param groups places in `rollout.prompts`
 * @throws BicotError `shape` for a group that does not exist
 */
export function selectGroups<P, C>(rollout: Rollout<P, C>, groups: readonly number[]): Rollout<P, C> {
  const { prompts, groupSize, samples } = rollout;
  for (const group of groups) {
    if (Number.isInteger(group) && group >= 0 && group < prompts.length) continue;
    throw new BicotError(
      'shape',
      `selectGroups: there is no group ${group}; the rollout has ${prompts.length}, counted from 0.`,
    );
  }
  return {
    prompts: groups.map((group) => prompts[group] as P),
    groupSize,
    levels: rollout.levels.map((level) => {
      const rowsPerGroup = groupSize / level.samplesPerRow;
      const rows = groups.flatMap((group) =>
        Array.from({ length: rowsPerGroup }, (_, i) => group * rowsPerGroup + i),
      );
      return selectRows(level, rows);
    }),
    samples: groups.flatMap((group, place) =>
      samples
        .slice(group * groupSize, (group + 1) * groupSize)
        .map((sample) => ({ ...sample, group: place })),
    ),
  };
}

/**
 * Some rows of a level, in the order given.
 * @param width columns that are kept, at least the longest of the rows; default all
 */
export function selectRows<C>(
  level: LevelRollout<C>,
  rows: readonly number[],
  width = level.completion.width,
): LevelRollout<C> {
  const { completion, behaviourLogProbs, entropy, contexts, kept } = level;
  const cut = <A extends HostNumbers>(values: A, perToken = 1): A =>
    pickHostRows(values, completion.width * perToken, rows, width * perToken);
  return {
    ...level,
    contexts: rows.map((row) => contexts[row] as C),
    completion: selectTokenRows(completion, rows, width),
    behaviourLogProbs: cut(behaviourLogProbs),
    entropy: cut(entropy),
    ...(kept && {
      kept: { ...kept, bits: cut(kept.bits, keptBytes(kept.vocabulary)), rows: rows.length, width },
    }),
  };
}

/**
 * Several rollouts of the same levels as one; shorter completions are padded.
 * @param rollouts not empty
 * @throws BicotError `shape` if group sizes or levels differ
 */
export function concatRollouts<P, C>(rollouts: readonly Rollout<P, C>[]): Rollout<P, C> {
  const [first, ...rest] = rollouts;
  if (first === undefined) throw new BicotError('shape', 'concatRollouts: there are no rollouts.');
  if (rest.length === 0) return first;
  for (const { groupSize, levels } of rest) {
    const names = (of: readonly LevelRollout<C>[]) => of.map(({ name }) => name).join(', ');
    if (groupSize === first.groupSize && names(levels) === names(first.levels)) continue;
    throw new BicotError(
      'shape',
      `concatRollouts: groups of ${groupSize} with levels ${names(levels)} do not go with groups of ${first.groupSize} with levels ${names(first.levels)}. Roll out the same levels with the same groupSize.`,
    );
  }
  let before = 0;
  return {
    prompts: rollouts.flatMap(({ prompts }) => prompts),
    groupSize: first.groupSize,
    levels: first.levels.map((_, l) =>
      concatLevels(rollouts.map(({ levels }) => levels[l] as LevelRollout<C>)),
    ),
    samples: rollouts.flatMap(({ prompts, samples }) => {
      const offset = before;
      before += prompts.length;
      return samples.map((sample) => ({ ...sample, group: sample.group + offset }));
    }),
  };
}

function concatLevels<C>(levels: readonly LevelRollout<C>[]): LevelRollout<C> {
  const [first] = levels as readonly [LevelRollout<C>];
  return {
    ...first,
    contexts: levels.flatMap(({ contexts }) => contexts),
    ...concatCompletions(levels, `concatRollouts: level '${first.name}'`),
  };
}
