import { BicotError } from '../errors.js';
import type { GuidanceOptions } from './distribution.js';
import { isGuided } from './distribution.js';
import type { Policy, TokenSpace } from './policy.js';

/**
 * A policy's token space by name.
 * @throws BicotError `value`, naming the spaces that exist
 */
export function tokenSpaceOf<Context>(policy: Policy<Context>, space: string): TokenSpace {
  const found = Object.hasOwn(policy.spaces, space) ? policy.spaces[space] : undefined;
  if (found === undefined) {
    const known = Object.keys(policy.spaces)
      .map((name) => `'${name}'`)
      .join(', ');
    throw new BicotError(
      'value',
      `The policy has no token space '${space}'; it has ${known || 'none'}. Name one of these, or add it to policy.spaces.`,
    );
  }
  return found;
}

/**
 * The unconditional twin of each context; equal contexts (the same object) get the same twin, so that work on
 * them can be shared.
 * @throws BicotError `unsupported` if the policy has no `unconditional`
 */
export function unconditionalContexts<Context>(
  policy: Policy<Context>,
  contexts: readonly Context[],
  guidance: GuidanceOptions | undefined,
): Context[] {
  if (isGuided(guidance) && policy.unconditional === undefined) {
    throw new BicotError(
      'unsupported',
      `Guidance of scale ${guidance.scale} needs policy.unconditional(context), which this policy does not have. Implement it to return the context without its condition (for a prompt of tokens: the same number of padding tokens, or an empty prompt), or set guidance.scale to 1.`,
    );
  }
  const twins = new Map<Context, Context>();
  return contexts.map((context) => {
    const known = twins.get(context);
    if (known !== undefined) return known;
    const twin = policy.unconditional?.(context) as Context;
    twins.set(context, twin);
    return twin;
  });
}
