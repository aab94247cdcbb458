import { BicotError } from '../errors.js';
import type { Sample } from './reward.js';

/**
 * G, read from the samples' `group` fields: samples of one group stand side by side and all groups have the
 * same size. A single sample is a group of 1.
 * @throws BicotError `group-size` for no samples, a group in several places, or groups of different sizes
 */
export function groupSizeOf(samples: readonly Pick<Sample, 'group'>[]): number {
  const sizes = new Map<number, number>();
  samples.forEach(({ group }, index) => {
    if (sizes.has(group) && samples[index - 1]?.group !== group) {
      throw new BicotError(
        'group-size',
        `sample ${index} belongs to group ${group}, whose other samples do not stand next to it; expected the ` +
          'samples of one prompt side by side. Sort the samples by group.',
      );
    }
    sizes.set(group, (sizes.get(group) ?? 0) + 1);
  });
  const [groupSize] = sizes.values();
  if (groupSize === undefined) {
    throw new BicotError(
      'group-size',
      'there are no samples; expected at least one. Pass the rollout’s samples.',
    );
  }
  for (const [group, size] of sizes) {
    if (size === groupSize) continue;
    throw new BicotError(
      'group-size',
      `group ${group} has ${size} samples where the first has ${groupSize}; expected groups of equal size. ` +
        'Score the odd samples in a call of their own.',
    );
  }
  return groupSize;
}
