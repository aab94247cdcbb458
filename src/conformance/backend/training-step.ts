import type { KernelChoice } from '../../kernels/choice.js';
import type { TransformerPolicy } from '../../models/transformer/transformer.js';
import { t2iR1 } from '../../objective/presets.js';
import type { TokenContext } from '../../policy/policy.js';
import { score } from '../../rewards/reward.js';
import { biLevelRollout } from '../../rollout/bi-level.js';
import type { LevelRollout } from '../../rollout/types.js';
import { adamW } from '../../train/optimizer.js';
import { train } from '../../train/train.js';
import { type BackendCase, IS_REFERENCE, type Values } from './backend-case.js';
import { LOG_PROB_GRADIENT_TOLERANCE } from './decoding.js';
import { CONTEXTS, withModel } from './tiny-model.js';
import { largestError, readAll } from './values.js';

/** What a step sampled and what it made of the weights. */
interface Step {
  readonly tokens: readonly string[];
  /** What each variable has moved by. */
  readonly moved: Values;
  readonly gradNorm: number;
}

/** Image tokens begin after it. */
const IMAGE = 3;

function weightsOf({ variables }: TransformerPolicy): Promise<Values> {
  return readAll(Object.values(variables).map((variable) => variable.clone()));
}

/** One step of BiCoT-GRPO on two prompts, its KL penalty and its update included. */
async function step(model: TransformerPolicy): Promise<Step> {
  const before = await weightsOf(model);
  // With the usual ε, Adam's first step is a sign, and rounding decides the sign of what is nearly 0.
  const optimizer = adamW({ epsilon: 0.05 });
  try {
    const steps = train<TokenContext, TokenContext>({
      ...{
        policy: model,
        optimizer,
        prompts: CONTEXTS.slice(0, 2),
        steps: 1,
        groupSize: 4,
        promptsPerStep: 2,
      },
      ...{ learningRate: 0.01, objective: t2iR1(), seed: 5, microBatch: 3, monitor: false },
      rollout: biLevelRollout<TokenContext, TokenContext>({
        policy: model,
        semantic: { space: 'text', sampling: { maxTokens: 4 }, context: (prompt) => prompt },
        token: {
          ...{ space: 'image', sampling: { guidance: { scale: 2 } } },
          context: (prompt, plan) => ({ ids: Int32Array.from([...prompt.ids, ...plan.ids, IMAGE]) }),
        },
      }),
      reward: async (samples) =>
        samples.map(({ tokens }) => score(((tokens.token?.[0] ?? 0) + (tokens.semantic?.[0] ?? 0)) / 40)),
    });
    for await (const { metrics, rollout } of steps) {
      const after = await weightsOf(model);
      return {
        tokens: rollout.levels.map(({ completion }: LevelRollout<TokenContext>) => completion.ids.join()),
        moved: after.map((values, v) => Array.from(values, (value, i) => value - (before[v]?.[i] as number))),
        gradNorm: metrics.gradNorm,
      };
    }
    throw new Error('train() made no step');
  } finally {
    optimizer.dispose();
  }
}

/** A whole step: sampled, rewarded, compared with the reference policy, updated. */
export function trainingCases(choices: readonly KernelChoice[]): BackendCase[] {
  return choices.map((kernels) => ({
    ...{
      name: `one step of train(), ${kernels}`,
      kind: 'training step',
      kernels,
      tolerance: LOG_PROB_GRADIENT_TOLERANCE,
    },
    measure: async ({ isReference, onReference }) => {
      const got = await withModel(step);
      if (isReference) return got.gradNorm > 0 ? IS_REFERENCE : { error: 1, detail: 'the gradient is 0' };
      const expected = await onReference(() => withModel(step));
      if (got.tokens.join() !== expected.tokens.join()) {
        return { error: Number.POSITIVE_INFINITY, detail: 'other tokens were sampled than on the reference' };
      }
      const moved = largestError(got.moved, expected.moved);
      const norm = Math.abs(got.gradNorm / expected.gradNorm - 1);
      return { error: Math.max(moved, norm) };
    },
  }));
}
