import type { Policy, RolloutFunction, TokenContext } from 'bicot';
import { biLevelRollout, oneLevelRollout, tokenBatch } from 'bicot';
import { createTransformer, type TransformerPolicy } from 'bicot/models';
import { loadWeights } from 'bicot/node';
import { type Problem, type ProblemLevel, type ProblemSampling, weightsPath } from '../problem.js';

/** The problem's model. */
export async function loadPolicy(folder: string, problem: Problem): Promise<TransformerPolicy> {
  const policy = createTransformer(problem.config);
  await loadWeights(weightsPath(folder), policy.variables);
  return policy;
}

/** Contexts as bicot has them: equal neighbours are one object, so that they are computed once. */
export function contextsOf(rows: readonly (readonly number[])[]): TokenContext[] {
  const contexts: TokenContext[] = [];
  rows.forEach((ids, n) => {
    const [before, known] = [rows[n - 1], contexts[n - 1]];
    const same = before?.length === ids.length && before.every((id, i) => id === ids[i]);
    contexts.push(same && known ? known : { ids: Int32Array.from(ids) });
  });
  return contexts;
}

const samplingOptions = ({ temperature, guidance, maxTokens }: ProblemSampling) => ({
  temperature,
  maxTokens,
  ...(guidance === 1 ? {} : { guidance: { scale: guidance } }),
});

/** A prompt is its index. */
export const promptsOf = ({ prompts }: Problem): number[] => prompts.map((_, index) => index);

/** Draws plans and images, or images alone. */
export function samplingRollout(
  problem: Problem,
  policy: Policy<TokenContext>,
): RolloutFunction<number, TokenContext> {
  const context = (index: number): TokenContext => ({
    ids: Int32Array.from(problem.prompts[index] as readonly number[]),
  });
  const [first, second] = problem.levels as [ProblemLevel, ProblemLevel?];
  if (!second) {
    return oneLevelRollout({
      policy,
      space: first.space,
      sampling: samplingOptions(first.sampling),
      context,
    });
  }
  return biLevelRollout<number, TokenContext>({
    policy,
    semantic: { space: first.space, sampling: samplingOptions(first.sampling), context },
    token: {
      space: second.space,
      sampling: samplingOptions(second.sampling),
      context: (index, plan) => ({
        ids: Int32Array.of(...context(index).ids, ...plan.ids, problem.imageStart),
      }),
    },
  });
}

/** The problem's own tokens, as if the policy had drawn them. */
export function givenRollout(
  problem: Problem,
  policy: Policy<TokenContext>,
): RolloutFunction<number, TokenContext> {
  const { groupSize } = problem;
  const levels = problem.levels.map(({ name, space, contexts, tokens, oldLogProbs, sampling }) => {
    const completion = tokenBatch(tokens);
    const behaviourLogProbs = new Float32Array(completion.ids.length);
    for (const [n, row] of oldLogProbs.entries()) behaviourLogProbs.set(row, n * completion.width);
    return {
      ...{ name, space, policy, completion, behaviourLogProbs },
      contexts: contextsOf(contexts),
      entropy: new Float32Array(completion.ids.length),
      sampling: samplingOptions(sampling),
      samplesPerRow: 1,
    };
  });
  const prompts = promptsOf(problem);
  const samples = prompts.flatMap((prompt) =>
    Array.from({ length: groupSize }, (_, index) => ({ prompt, group: prompt, index, tokens: {} })),
  );
  return async () => ({ prompts, groupSize, levels, samples });
}
