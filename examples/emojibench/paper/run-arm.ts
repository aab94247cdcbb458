import {
  adamW,
  type Evaluation,
  evaluate,
  type Objective,
  oneLevelRollout,
  type PromptRow,
  type RewardFunction,
  type RolloutFunction,
  type TokenContext,
  train,
  warmupLinear,
} from 'bicot';
import type { Atlas } from '../../emoji/atlas.js';
import { type EmojiSampling, emojiRewards, emojiRollout, shuffledRewards } from '../../emoji/experiment.js';
import { createJudge } from '../../emoji/judge.js';
import { levelShares } from '../../emoji/level-shares.js';
import { type EmojiModel, emojiContexts } from '../../emoji/model.js';
import { samplePrompts } from '../../emoji/prompts.js';
import { BENCH_WEIGHTS, benchMeasures, MEASURED } from '../rewards.js';
import { EMOJI_BENCH } from '../world.js';
import type { Arm } from './arms.js';
import { trainOnBest } from './best-of-base.js';
import type { CurvePoint, RunRecord, ShownSample } from './record.js';
import { evaluationPrompts, type PaperSettings, stepsOf } from './settings.js';

/** What a run is made of. */
export interface RunRequest {
  readonly arm: Arm;
  readonly seed: number;
  readonly settings: PaperSettings;
  /** Its weights are changed. */
  readonly emoji: EmojiModel;
  readonly atlas: Atlas;
  readonly onStep?: (step: number, point: CurvePoint) => void;
}

/** What a run comes to, but for what its caller knows. */
export type RunOutcome = Omit<RunRecord, 'protocol' | 'backend' | 'cost'> & { readonly samples: number };

/** Prompts of each kind whose first sample the results may show. */
const SHOWN_PER_TASK = 6;

/** Plan and picture, or the picture alone. */
export function rolloutOf(
  { emoji: { model } }: Pick<RunRequest, 'emoji'>,
  arm: Arm,
  sampling: EmojiSampling,
): RolloutFunction<PromptRow, TokenContext> {
  const contexts = emojiContexts(EMOJI_BENCH.tokenizer);
  const { guidance } = arm;
  const token = guidance ? { ...sampling.token, guidance } : sampling.token;
  if (arm.plan ?? true) return emojiRollout(model, { ...sampling, token }, contexts);
  const none = { ids: new Int32Array(0) };
  return oneLevelRollout<PromptRow, TokenContext>({
    policy: model,
    space: 'image',
    sampling: token,
    context: (row) => contexts.token(row, none),
  });
}

/** Trains as the arm says, and measures. */
export async function runArm(request: RunRequest): Promise<RunOutcome> {
  const { arm, seed, settings, atlas } = request;
  const curve: CurvePoint[] = [];
  const findings: string[] = [];
  let samples = 0;
  if (arm.method === 'grpo') {
    samples = stepsOf(arm, settings) * settings.samplesPerStep;
    await trainArm(request, curve, findings);
  } else if (arm.method === 'best-of-base') {
    samples = await trainOnBest(request, rolloutOf(request, arm, settings.trainSampling));
  }
  const sampling = evaluationSampling(arm, settings);
  const prompts = evaluationPrompts(settings);
  const evaluation = await evaluate({
    rollout: rolloutOf(request, arm, sampling),
    reward: benchMeasures(atlas),
    prompts,
    samplesPerPrompt: settings.samplesPerPrompt,
    seed,
    batch: 16,
  });
  return {
    arm: arm.name,
    seed,
    judge: scoresOf(evaluation, 'judge').join(''),
    aspects: scoresOf(evaluation, 'aspects').map((value) => Math.round(1000 * value)),
    rewards: rewardMeans(evaluation),
    ...((arm.plan ?? true) && { levels: levelShares(evaluation, createJudge(atlas)) }),
    curve,
    ...klOf(curve, arm.objective),
    findings,
    shown: shownOf(evaluation, prompts),
    samples,
  };
}

function evaluationSampling(arm: Arm, settings: PaperSettings): EmojiSampling {
  if (arm.sampling !== 'best') return settings.trainedSampling;
  return (arm.plan ?? true) ? settings.baseSampling : settings.baseSamplingWithoutPlan;
}

async function trainArm(
  { arm, seed, settings, emoji, atlas, onStep }: RunRequest,
  curve: CurvePoint[],
  findings: string[],
) {
  const groupSize = arm.groupSize ?? settings.groupSize;
  const steps = stepsOf(arm, settings);
  const reward = emojiRewards(atlas, arm.rewards ?? BENCH_WEIGHTS);
  const optimizer = adamW({ beta2: 0.99 });
  const trained: RewardFunction<PromptRow> = arm.shuffled ? shuffledRewards(reward, seed) : reward;
  try {
    for await (const step of train({
      policy: emoji.model,
      rollout: rolloutOf({ emoji }, arm, settings.trainSampling),
      reward: trained,
      prompts: samplePrompts('train', settings.trainingPrompts, seed, { world: EMOJI_BENCH }),
      steps,
      objective: arm.objective as Objective,
      groupSize,
      promptsPerStep: settings.samplesPerStep / groupSize,
      updatesPerRollout: arm.updatesPerRollout ?? 1,
      learningRate: warmupLinear({
        peak: settings.learningRate,
        warmupSteps: Math.min(settings.warmupSteps, steps - 1),
        totalSteps: steps + 1,
        final: settings.learningRate * settings.finalRate,
      }),
      optimizer,
      microBatch: settings.microBatch,
      maxGradNorm: settings.maxGradNorm,
      seed,
    })) {
      const { metrics } = step;
      const point: CurvePoint = {
        reward: rounded(metrics.reward.mean),
        judge: rounded(metrics.reward.monitors.judge?.mean ?? Number.NaN),
        levels: Object.fromEntries(
          Object.entries(metrics.levels).map(([name, { kl, entropy }]) => [
            name,
            { kl: rounded(kl), entropy: rounded(entropy) },
          ]),
        ),
        gradNorm: rounded(metrics.gradNorm),
      };
      curve.push(point);
      findings.push(...step.findings.map(({ code, step: at }) => `${code} ${at ?? metrics.step}`));
      onStep?.(metrics.step, point);
    }
  } finally {
    optimizer.dispose();
  }
}

/** To six digits: what is committed is small, and the tables show three. */
const rounded = (value: number): number => Number(value.toPrecision(6));

/** Every sample's score of a measure that scores them all. */
function scoresOf({ samples }: Evaluation<PromptRow>, name: string): number[] {
  return samples.map(({ results }) => {
    const result = results[name];
    if (result?.kind !== 'score') throw new Error(`${name} gave no score.`);
    return result.value;
  });
}

function rewardMeans({ samples }: Evaluation<PromptRow>): RunRecord['rewards'] {
  const meanOf = (name: string, task: string): number[] => {
    const values = samples.flatMap(({ sample, results }) => {
      const result = results[name];
      return sample.prompt.task_type === task && result?.kind === 'score' ? [result.value] : [];
    });
    return values.length === 0 ? [] : [values.reduce((sum, value) => sum + value, 0) / values.length];
  };
  return Object.fromEntries(
    Object.keys(MEASURED).map((name) => [
      name,
      Object.fromEntries(
        EMOJI_BENCH.tasks.flatMap((task) => meanOf(name, task).map((mean) => [task, rounded(mean)])),
      ),
    ]),
  );
}

function klOf(curve: readonly CurvePoint[], objective?: Objective): { kl?: number } {
  const last = curve.slice(-10);
  if (last.length === 0 || objective?.level.klWeight === 0) return {};
  const ofStep = ({ levels }: CurvePoint): number => {
    const kls = Object.values(levels).map(({ kl }) => kl);
    return kls.reduce((sum, kl) => sum + kl, 0) / kls.length;
  };
  return { kl: rounded(last.reduce((sum, point) => sum + ofStep(point), 0) / last.length) };
}

function shownOf({ samples }: Evaluation<PromptRow>, prompts: readonly PromptRow[]): ShownSample[] {
  const shown = EMOJI_BENCH.tasks.flatMap((task) =>
    prompts.flatMap(({ task_type }, index) => (task_type === task ? [index] : [])).slice(0, SHOWN_PER_TASK),
  );
  return samples
    .filter(({ sample, promptIndex }) => sample.index === 0 && shown.includes(promptIndex))
    .map(({ sample, promptIndex, results }) => ({
      promptIndex,
      ...(sample.plan !== undefined && { plan: sample.plan }),
      tokens: [...(sample.tokens.token ?? [])],
      accepted: results.judge?.kind === 'score' && results.judge.value === 1,
    }));
}
