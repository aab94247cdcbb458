import { BicotError } from '../errors.js';
import type { SamplingOptions } from '../policy/distribution.js';
import type { Policy } from '../policy/policy.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import { assertLength } from '../tensor/shape.js';
import { contentTokens, decodeTexts, sampleLevel } from './level.js';
import { assertRolloutRequest, type RolloutFunction } from './request.js';
import { assembleRollout } from './samples.js';

/** A plan, as the token level's context is built from it. */
export interface SampledPlan {
  /** Its tokens, without the end token. */
  readonly ids: Int32Array;
  /** Its text, if the space decodes text. */
  readonly text?: string;
}

/** The plan level of a bi-level rollout. */
export interface SemanticLevel<Prompt, Context> {
  /** A text space of the policy. */
  readonly space: string;
  /** How plans are sampled; a text space needs `maxTokens`. */
  readonly sampling: SamplingOptions;
  /** What a plan of this prompt is conditioned on (the prompt in its planning template). */
  readonly context: (prompt: Prompt) => Context;
  /** Who plans. Default: the rollout's policy. */
  readonly policy?: Policy<Context>;
}

/** The image level of a bi-level rollout. */
export interface TokenLevel<Prompt, Context> {
  /** An image space of the policy. */
  readonly space: string;
  /** How image tokens are sampled; `maxTokens` may be left out: an image has the space's `length`. */
  readonly sampling: SamplingOptions;
  /** What an image is conditioned on (prompt and plan in the drawing template). */
  readonly context: (prompt: Prompt, plan: SampledPlan) => Context;
  /**
   * A last word on the contexts of a whole rollout, where one depends on the others: `arangeContexts` of Janus, for one. Gives
   * as many, in the same order. Default: they stay as they are.
   */
  readonly together?: (contexts: readonly Context[]) => readonly Context[];
  /** Who draws. Default: the rollout's policy. */
  readonly policy?: Policy<Context>;
}

/** How plans and images are sampled. */
export interface BiLevelOptions<Prompt, Context> {
  /** Who plans and draws, where a level has no policy of its own. */
  readonly policy: Policy<Context>;
  /** The first level: from prompts to plans. */
  readonly semantic: SemanticLevel<Prompt, Context>;
  /** The second level: from prompts and plans to images. */
  readonly token: TokenLevel<Prompt, Context>;
  /** Images drawn from each plan; must divide the group size. Default 1, as T2I-R1. */
  readonly imagesPerPlan?: number;
  /**
   * Rows decoded side by side, each with its unconditional twin under guidance. Their caches are what a rollout of a large
   * model takes in memory; results do not depend on it. Default: all.
   */
  readonly rowsAtOnce?: number;
}

/**
 * BiCoT's rollout (T2I-R1, section 3.2): for each prompt G / imagesPerPlan plans, then imagesPerPlan images of
 * each plan. Level names are `semantic` and `token`.
 * @throws BicotError from the returned function: `empty-prompts`, `group-size`, and those of `sampleCompletions`
 */
export function biLevelRollout<Prompt, Context>(
  options: BiLevelOptions<Prompt, Context>,
): RolloutFunction<Prompt, Context> {
  const { policy, semantic, token, imagesPerPlan = 1, rowsAtOnce } = options;
  tokenSpaceOf(semantic.policy ?? policy, semantic.space);
  tokenSpaceOf(token.policy ?? policy, token.space);
  return async (request) => {
    assertRolloutRequest(request);
    const { prompts, groupSize } = request;
    assertImagesPerPlan(imagesPerPlan, groupSize);
    const plansPerPrompt = groupSize / imagesPerPlan;

    const plans = await sampleLevel(
      {
        name: 'semantic',
        space: semantic.space,
        policy: semantic.policy ?? policy,
        sampling: semantic.sampling,
        contexts: prompts.map((prompt) => semantic.context(prompt)), // [B]
        samplesPerContext: plansPerPrompt,
        samplesPerRow: imagesPerPlan,
        rowsAtOnce,
      },
      request,
    );
    const texts = decodeTexts(plans);
    const apart = plans.contexts.map((_, row) =>
      token.context(prompts[Math.floor(row / plansPerPrompt)] as Prompt, {
        ids: contentTokens(plans, row),
        ...(texts && { text: texts[row] as string }),
      }),
    ); // [N / imagesPerPlan]
    const contexts = token.together ? token.together(apart) : apart;
    assertLength('biLevelRollout: what token.together gives', contexts, apart.length, 'N / imagesPerPlan');
    const images = await sampleLevel(
      {
        name: 'token',
        space: token.space,
        policy: token.policy ?? policy,
        sampling: token.sampling,
        contexts,
        samplesPerContext: imagesPerPlan,
        samplesPerRow: 1,
        rowsAtOnce,
      },
      request,
    );
    return assembleRollout(request, [plans, images]);
  };
}

function assertImagesPerPlan(imagesPerPlan: number, groupSize: number): void {
  if (!(Number.isInteger(imagesPerPlan) && imagesPerPlan >= 1 && groupSize % imagesPerPlan === 0)) {
    throw new BicotError(
      'group-size',
      `biLevelRollout: imagesPerPlan is ${imagesPerPlan} but must be a whole number that divides groupSize ${groupSize}: a group has groupSize / imagesPerPlan plans.`,
    );
  }
}
