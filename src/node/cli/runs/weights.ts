import { join } from 'node:path';
import type { NamedVariables } from '../../../policy/policy.js';
import { loadRunWeights } from '../../../train/checkpoints/load-weights.js';
import { UsageError } from '../usage.js';

/** The options of commands that work with a run's weights. */
export const WEIGHTS_OPTIONS = {
  checkpoint: { type: 'string' },
  ema: { type: 'boolean' },
  'allow-changes': { type: 'boolean' },
} as const;

export const WEIGHTS_HELP = `  --checkpoint X   last, best, or a number of steps; default last
  --ema            the averaged weights
  --allow-changes  the configuration may have changed since`;

/**
 * Puts a run's weights into its policy.
 * @returns the steps that had been made
 */
export function loadWeightsOf(
  command: string,
  run: string,
  variables: NamedVariables,
  { checkpoint = 'last', ema = false }: { readonly checkpoint?: string; readonly ema?: boolean },
): Promise<number> {
  const named = checkpoint === 'last' || checkpoint === 'best';
  if (!named && !/^\d+$/.test(checkpoint)) {
    throw new UsageError(
      `bicot ${command}: --checkpoint is ${checkpoint}; expected last, best or a number of steps.`,
    );
  }
  return loadRunWeights(join(run, 'checkpoints'), variables, {
    checkpoint: named ? checkpoint : Number(checkpoint),
    ema,
  });
}
