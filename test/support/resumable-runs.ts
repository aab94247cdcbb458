/** Runs that have everything a checkpoint must hold: both levels, adaptive coefficients, averaged weights, several updates. */
import { fileURLToPath } from 'node:url';
import {
  adamW,
  adaptiveKl,
  balanced,
  biLevelRollout,
  type RewardFunction,
  type RgbImage,
  score,
  type TokenContext,
  type TrainOptions,
  warmupLinear,
} from 'bicot';
import { type JanusContext, janusPrompts, loadJanus } from 'bicot/models/janus';
import { smallTask } from './small-task.js';
import { smallTransformer } from './small-transformer.js';

/** A run that can be begun again and again, always the same. */
export interface ResumableRun<P, C> {
  /** The policy with its first weights, and all options but the checkpoints. The caller disposes policy and optimiser. */
  begin(): Promise<TrainOptions<P, C> & { policy: { dispose(): void } }>;
}

const ADAPTIVE = balanced({ klWeight: adaptiveKl({ initial: 0.02, target: 0.01, horizon: 50 }) });

/** All weights of a small transformer, two updates with each rollout. */
export function wholeModelRun(steps: number): ResumableRun<number, TokenContext> {
  return {
    async begin() {
      const policy = await smallTransformer();
      return {
        ...smallTask(policy),
        policy,
        ...{ steps, promptsPerStep: 2, objective: ADAPTIVE, ema: { decay: 0.8 } },
        learningRate: warmupLinear({ peak: 0.01, warmupSteps: 2, totalSteps: steps + 1 }),
        optimizer: adamW({ weightDecay: 0.01 }),
      };
    },
  };
}

const TINY = fileURLToPath(new URL('../fixtures/janus/original', import.meta.url));

/** How red a picture is. */
const redness: RewardFunction<string> = async (samples) =>
  samples.map(({ image, plan }) => {
    const { data } = image as RgbImage;
    let sum = 0;
    for (let i = 0; i < data.length; i += 3) sum += (data[i] as number) - (data[i + 1] as number);
    return score(sum / data.length + 0.01 * (plan?.length ?? 0));
  });

/** Adapters of a tiny Janus. */
export function adaptersRun(steps: number, rank = 2): ResumableRun<string, JanusContext> {
  return {
    async begin() {
      const policy = await loadJanus(TINY, { lora: { rank } });
      const write = janusPrompts(policy.tokenizer, { system: '', instruction: 'Plan {}.' });
      return {
        policy,
        rollout: biLevelRollout<string, JanusContext>({
          policy,
          semantic: { space: 'text', sampling: { maxTokens: 4 }, context: (prompt) => write.plan(prompt) },
          token: {
            space: 'image',
            sampling: { guidance: { scale: 2 } },
            context: (prompt, plan) => write.image(prompt, plan.text),
          },
        }),
        reward: redness,
        prompts: ['a red cube', 'two blue birds', 'a dog'],
        ...{ steps, promptsPerStep: 2, groupSize: 2, seed: 5, objective: ADAPTIVE, ema: { decay: 0.8 } },
        learningRate: warmupLinear({ peak: 0.02, totalSteps: steps + 1 }),
        optimizer: adamW(),
      };
    },
  };
}
