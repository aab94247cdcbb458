import type { Policy } from './policy.js';

/** The policy without its direct log-probs, methods bound: it scores by its logits. */
export function withoutLogProbs<Context>(policy: Policy<Context>): Policy<Context> {
  const { variables, spaces, unconditional } = policy;
  return {
    ...{ variables, spaces, logits: policy.logits.bind(policy) },
    ...(unconditional && { unconditional: unconditional.bind(policy) }),
  };
}
