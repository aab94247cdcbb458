import type { ReferenceCase, ReferenceInputs } from './trl-options.js';

/**
 * Whether a LUSPO loss with a KL penalty is that of TRL up to f2cd577, whose `.mean()` is taken over a padded matrix as soon as
 * the penalty makes one of the rows' losses, so that padding is averaged in:
 *
 *     mean over N·T of (l_i + β·kl_it)·|o_i|
 *
 * bicot (and TRL 1.13) sums each row over its own tokens. In float64, as the file.
 */
export function isPaddingSlip(
  { logp, old, ref, mask, adv }: ReferenceInputs,
  { loss_type, options, loss }: ReferenceCase,
): boolean {
  const beta = (options.beta as number | undefined) ?? 0;
  if (loss_type !== 'luspo' || beta === 0 || options.lvl !== 'sequence') return false;
  const low = (options.epsilon as number | undefined) ?? 0.2;
  const high = (options.epsilon_high as number | undefined) ?? low;
  const delta = (options.delta as number | undefined) ?? Number.POSITIVE_INFINITY;
  let sum = 0;
  let entries = 0;
  for (const [i, row] of logp.entries()) {
    const valid = (mask[i] ?? []).map(Number);
    const length = valid.reduce((total, value) => total + value, 0);
    const moved = row.reduce((total, lp, t) => total + (lp - (old[i]?.[t] ?? 0)) * (valid[t] ?? 0), 0);
    const ratio = Math.exp(moved / Math.max(length, 1));
    const a = adv[i] ?? 0;
    const clipped = Math.min(1 + high, Math.max(1 - low, ratio));
    const own = -Math.min(Math.min(ratio, delta) * a, clipped * a);
    for (const [t, lp] of row.entries()) {
      const gap = (ref?.[i]?.[t] ?? 0) - lp;
      const penalty = (Math.exp(gap) - gap - 1) * (options.biaskl === true ? ratio : 1);
      sum += (own + beta * penalty) * length;
      entries++;
    }
  }
  return Math.abs(sum / entries - loss) <= 1e-9 * Math.max(1, Math.abs(loss));
}
