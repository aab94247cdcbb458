import { BicotError } from '../errors.js';

/**
 * What becomes of groups whose samples all got the same reward, and that hence teach nothing:
 * - `keep`: they count in the normaliser, and the KL penalty acts on them.
 * - `drop`: the update is made without them, as if they had not been sampled.
 * - `{ resample: n }`: like `drop`, and other prompts are sampled in their place, at most n times over in a step
 *   (DAPO's dynamic sampling, arXiv 2503.14476, §3.2). What is still missing then is done without.
 */
export type ZeroVariance =
  | 'keep'
  | 'drop'
  | {
      /** n, at least 1. */
      readonly resample: number;
    };

/** How often a step may sample other prompts in place of flat groups. */
export function resampleRounds(zeroVariance: ZeroVariance): number {
  return typeof zeroVariance === 'object' ? zeroVariance.resample : 0;
}

/**
 * Throws unless it is one of the three.
 * @throws BicotError `value`
 */
export function checkZeroVariance(what: string, zeroVariance: ZeroVariance): void {
  if (zeroVariance === 'keep' || zeroVariance === 'drop') return;
  const { resample } = (zeroVariance ?? {}) as { resample?: unknown };
  if (Number.isInteger(resample) && (resample as number) >= 1) return;
  throw new BicotError(
    'value',
    `${what}: zeroVariance is ${JSON.stringify(zeroVariance)}; use 'keep', 'drop' or { resample: n } with a whole number n of at least 1.`,
  );
}
