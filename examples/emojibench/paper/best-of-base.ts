import {
  adamW,
  type EvaluatedSample,
  evaluate,
  type PretrainBatch,
  type PromptRow,
  pretrainStep,
  type RolloutFunction,
  shuffled,
  type TokenContext,
  tokenBatch,
  uniformStream,
  warmupLinear,
} from 'bicot';
import { emojiRewards } from '../../emoji/experiment.js';
import { emojiContexts } from '../../emoji/model.js';
import { samplePrompts } from '../../emoji/prompts.js';
import { END } from '../../emoji/vocabulary.js';
import { BENCH_WEIGHTS } from '../rewards.js';
import { EMOJI_BENCH } from '../world.js';
import type { RunRequest } from './run-arm.js';

/** Plan and picture of a step. */
const BATCH = 16;

/**
 * What supervised training makes of the samples that GRPO would see: the base samples groups of the training prompts, as many
 * samples as a run of GRPO, the best of each group by the trained ensemble is kept, and imitated.
 * @returns how many samples were drawn
 */
export async function trainOnBest(
  { seed, settings, emoji, atlas }: RunRequest,
  rollout: RolloutFunction<PromptRow, TokenContext>,
): Promise<number> {
  const groups = (settings.steps * settings.samplesPerStep) / settings.groupSize;
  const { samples } = await evaluate({
    rollout,
    reward: emojiRewards(atlas, BENCH_WEIGHTS),
    prompts: samplePrompts('train', groups, seed, { world: EMOJI_BENCH }),
    samplesPerPrompt: settings.groupSize,
    // Another stream than that of the evaluation at the end.
    seed: seed + 1_000_000,
    batch: 4,
  });
  const best = bestOfGroups(samples);
  const { epochs, learningRate } = settings.supervised;
  const perEpoch = Math.ceil(best.length / BATCH);
  const totalSteps = epochs * perEpoch;
  const schedule = warmupLinear({
    peak: learningRate,
    warmupSteps: Math.min(settings.warmupSteps, totalSteps - 1),
    totalSteps: totalSteps + 1,
    final: learningRate * settings.finalRate,
  });
  const optimizer = adamW({ beta2: 0.99 });
  try {
    for (let step = 0; step < totalSteps; step++) {
      const epoch = Math.floor(step / perEpoch);
      const order = shuffled(best, uniformStream(seed, 'best of base', epoch));
      const some = order.slice((step % perEpoch) * BATCH, ((step % perEpoch) + 1) * BATCH);
      await pretrainStep(emoji.model, batchesOf(some), optimizer, schedule(step), { microBatch: BATCH });
    }
  } finally {
    optimizer.dispose();
  }
  return samples.length;
}

/** The sample of the highest total in each group, the first of equals; groups that nobody scored are left out. */
function bestOfGroups(samples: readonly EvaluatedSample<PromptRow>[]): EvaluatedSample<PromptRow>[] {
  const best = new Map<number, EvaluatedSample<PromptRow>>();
  for (const one of samples) {
    const known = best.get(one.promptIndex);
    if (!Number.isNaN(one.total) && (known === undefined || one.total > known.total)) {
      best.set(one.promptIndex, one);
    }
  }
  return [...best.values()];
}

function batchesOf(samples: readonly EvaluatedSample<PromptRow>[]): PretrainBatch<TokenContext>[] {
  const contexts = emojiContexts(EMOJI_BENCH.tokenizer);
  const tokensOf = (level: string) => samples.map(({ sample }) => sample.tokens[level] as Int32Array);
  const plans = tokensOf('semantic');
  return [
    {
      space: 'text',
      contexts: samples.map(({ sample }) => contexts.semantic(sample.prompt)),
      completion: tokenBatch(plans),
    },
    {
      space: 'image',
      contexts: samples.map(({ sample }, i) => contexts.token(sample.prompt, { ids: withoutEnd(plans[i]) })),
      completion: tokenBatch(tokensOf('token')),
    },
  ];
}

/** A plan without its end token, as it stands before a picture. */
const withoutEnd = (ids: Int32Array = new Int32Array(0)): Int32Array =>
  ids.at(-1) === END ? ids.subarray(0, -1) : ids;
