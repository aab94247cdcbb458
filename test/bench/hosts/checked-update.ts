import { type Check, type CheckedValue, fingerprint } from '../check.js';

/** Loss, norm and every gradient of an update, as values to compare. */
export function updateCheck(
  update: { readonly loss: number; readonly gradNorm: number },
  gradients: Readonly<Record<string, ArrayLike<number>>>,
): Check {
  const check: Record<string, CheckedValue> = {
    loss: { values: [update.loss], scale: Math.max(Math.abs(update.loss), 0.01) },
    'gradient norm': { values: [update.gradNorm] },
  };
  for (const [name, values] of Object.entries(gradients)) check[`gradient of ${name}`] = fingerprint(values);
  return check;
}
