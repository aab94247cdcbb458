import type { LevelName } from '../objective/level-name.js';
import type { SamplingOptions } from '../policy/distribution.js';
import type { Policy } from '../policy/policy.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import { sampleLevel } from './level.js';
import { assertRolloutRequest, type RolloutFunction } from './request.js';
import { assembleRollout } from './samples.js';

/** How the one level is sampled. */
export interface OneLevelOptions<Prompt, Context> {
  /** Who samples. The level is trained if it is the very policy that `train` is given. */
  readonly policy: Policy<Context>;
  /** The level's name in metrics and loss options. Default `token`. */
  readonly name?: LevelName;
  /** A token space of the policy. */
  readonly space: string;
  /** How tokens are sampled; a text space needs `maxTokens`. */
  readonly sampling: SamplingOptions;
  /** What a sample of this prompt is conditioned on. */
  readonly context: (prompt: Prompt) => Context;
  /**
   * Rows decoded side by side, each with its unconditional twin under guidance. Their caches are what a rollout of a large
   * model takes in memory; results do not depend on it. Default: all.
   */
  readonly rowsAtOnce?: number;
}

/**
 * Plain GRPO's rollout: G completions of each prompt, in one token space.
 * @throws BicotError from the returned function: `empty-prompts`, `group-size`, and those of `sampleCompletions`
 */
export function oneLevelRollout<Prompt, Context>(
  options: OneLevelOptions<Prompt, Context>,
): RolloutFunction<Prompt, Context> {
  const { policy, name = 'token', space, sampling, context, rowsAtOnce } = options;
  tokenSpaceOf(policy, space);
  return async (request) => {
    assertRolloutRequest(request);
    const { prompts, groupSize } = request;
    const level = await sampleLevel(
      {
        name,
        space,
        policy,
        sampling,
        contexts: prompts.map((prompt) => context(prompt)), // [B]
        samplesPerContext: groupSize,
        samplesPerRow: 1,
        rowsAtOnce,
      },
      request,
    );
    return assembleRollout(request, [level]);
  };
}
