/** A task for the small transformer, both levels of it. */
import { biLevelRollout, type RewardFunction, score, type TokenContext, type TrainOptions } from 'bicot';
import type { TransformerPolicy } from 'bicot/models';
import { IMAGE } from './small-transformer.js';

/** What an image is drawn after. */
export const prompt = (...ids: number[]): TokenContext => ({ ids: Int32Array.of(1, ...ids, IMAGE) });

/** Image tokens that are odd or even as the prompt is, and short plans. */
export const parityReward: RewardFunction<number> = async (samples) =>
  samples.map(({ tokens, prompt: word }) =>
    score(
      (tokens.token?.filter((id) => id % 2 === word % 2).length ?? 0) - 0.1 * (tokens.semantic?.length ?? 0),
    ),
  );

/**
 * Three steps of three prompts, without an objective and a learning rate.
 * @param semantic more about how plans are sampled
 */
export function smallTask(
  policy: TransformerPolicy,
  semantic: { readonly topP?: number; readonly recordKept?: boolean } = {},
): Omit<TrainOptions<number, TokenContext>, 'objective' | 'learningRate'> {
  return {
    policy,
    rollout: biLevelRollout<number, TokenContext>({
      policy,
      semantic: {
        space: 'text',
        sampling: { maxTokens: 6, temperature: 8, ...semantic },
        context: (word) => prompt(word),
      },
      token: {
        space: 'image',
        sampling: { guidance: { scale: 1.5 } },
        context: (word, plan) => prompt(word, ...plan.ids),
      },
      imagesPerPlan: 2,
    }),
    ...{ reward: parityReward, prompts: [4, 5, 6], promptsPerStep: 3, groupSize: 4, steps: 3 },
    ...{ microBatch: 3, updatesPerRollout: 2, seed: 7 },
  };
}
