import type { PromptRow } from '../../../data/prompts.js';
import { type JanusContext, janusPrompts, loadJanus } from '../../../models/janus/index.js';
import { biLevelRollout } from '../../../rollout/bi-level.js';
import { readPromptFile } from '../../files.js';
import type { ConfiguredModel } from './build.js';
import type { ModelConfig } from './schema.js';

/** Janus-Pro: a plan, then the picture, with T2I-R1's templates. */
export async function janusModel(
  config: ModelConfig<'janus'>,
): Promise<ConfiguredModel<PromptRow, JanusContext>> {
  const { folder, lora, roles, system, instruction, planTokens = 512, guidance = 5 } = config;
  const policy = await loadJanus(folder, { ...(lora && { lora }) });
  const write = janusPrompts(policy.tokenizer, {
    ...(roles && { roles }),
    ...(system !== undefined && { system }),
    ...(instruction !== undefined && { instruction }),
  });
  return {
    policy,
    rollout: biLevelRollout<PromptRow, JanusContext>({
      policy,
      semantic: {
        space: 'text',
        sampling: { maxTokens: planTokens },
        context: ({ prompt }) => write.plan(prompt),
      },
      token: {
        space: 'image',
        sampling: { guidance: { scale: guidance, logProbs: 'conditional' } },
        context: ({ prompt }, plan) => write.image(prompt, plan.text),
      },
    }),
  };
}

/** Prompts in T2I-R1's row format. */
export const janusRows = readPromptFile;
