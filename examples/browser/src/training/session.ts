import {
  adamW,
  balanced,
  freezeReference,
  groupAdvantages,
  type ParallelOptions,
  type PromptRow,
  type TokenContext,
  type TrainProgress,
  type TrainStep,
  train,
  type WorkerPool,
  workerPool,
} from 'bicot';
import { decodeSafetensors, encodeSafetensors, exportWeights, importWeights } from 'bicot/models';
import { emojiRewards, emojiRollout } from '../../../emoji/experiment.js';
import { emojiModelOf } from '../../../emoji/model.js';
import { samplePrompts } from '../../../emoji/prompts.js';
import { demoSettings } from '../../../emoji/settings.js';
import type { Group, Settings, StepReport } from '../messages.js';
import type { Assets } from './assets.js';
import { groupReport, stepReport } from './report.js';

const { trainSampling, maxGradNorm, warmupSteps, trainingPrompts } = demoSettings();
/** Training goes on for as long as somebody watches. */
const ENDLESS = 1_000_000;
/** Keys the random numbers of pictures that are drawn without training. */
const DRAWN = -1;

/** How a session is made. */
export interface SessionOptions {
  readonly prompt: PromptRow;
  readonly settings: Settings;
  readonly seed: number;
  /** Threads that share the work. Default: none, this one does everything. */
  readonly parallel?: ParallelOptions;
  readonly onProgress: (progress: TrainProgress) => void;
}

/** The model, what it is trained with, and where the training stands. One call at a time. */
export interface Session {
  readonly parameters: number;
  /** Of the image tokenizer: entries, and tokens of a picture. */
  readonly picture: { readonly patches: number; readonly imageTokens: number };
  readonly steps: number;
  /** Whether the weights are still the base's. */
  readonly untouched: boolean;
  readonly settings: Settings;
  /** The prompt in the box; it is a part of every step. */
  prompt: PromptRow;
  /** Draws the prompt's group without training, always with the same random numbers. */
  draw(): Promise<Group>;
  /** Draws it with the base model's weights, and has the present ones back afterwards. */
  drawBase(): Promise<Group>;
  step(): Promise<StepReport>;
  /** The next step trains so. */
  change(settings: Settings): Promise<void>;
  /** Base weights, step 0. */
  reset(): Promise<void>;
  /** The weights as a safetensors file. */
  save(): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Goes on from other weights. The KL still pulls to the base.
   * @throws BicotError `safetensors` if the file is damaged or of another model; the weights are then as before
   */
  load(bytes: Uint8Array, name: string): Promise<void>;
}

/** Makes the base model and what trains it. */
export async function startSession(assets: Assets, options: SessionOptions): Promise<Session> {
  const { seed, onProgress } = options;
  const { model, codebook } = emojiModelOf(assets.codebook, assets.weights);
  const reference = freezeReference(model);
  const reward = emojiRewards(assets.atlas);
  const others = samplePrompts('train', trainingPrompts, seed);
  const sampleBoth = emojiRollout(model, trainSampling);
  const pool: WorkerPool<TokenContext> | undefined =
    options.parallel && (await workerPool<TokenContext>(model, options.parallel));

  let { prompt, settings } = options;
  let steps = 0;
  let untouched = true;
  let optimizer = adamW({ beta2: 0.99 });
  let training: AsyncGenerator<TrainStep<PromptRow, TokenContext>, void> | undefined;

  const stop = async (): Promise<void> => {
    await training?.return();
    training = undefined;
  };
  const start = () =>
    train<PromptRow, TokenContext>({
      policy: model,
      // The prompt in the box takes the first place of every step, whatever it is by then.
      rollout: (request) => sampleBoth({ ...request, prompts: [prompt, ...request.prompts.slice(1)] }),
      reward,
      prompts: others,
      steps: ENDLESS,
      startStep: steps,
      promptsPerStep: 1 + settings.otherPrompts,
      groupSize: settings.groupSize,
      updatesPerRollout: settings.updatesPerRollout,
      objective: balanced({ klWeight: settings.klWeight }),
      learningRate: (step) => settings.learningRate * Math.min(1, (step + 1) / warmupSteps),
      ...{ optimizer, reference, maxGradNorm, seed, onProgress, parallel: pool },
    });

  const draw = async (): Promise<Group> => {
    const { groupSize } = settings;
    const rollout = await sampleBoth({
      prompts: [prompt],
      promptIds: [prompt.prompt],
      ...{ groupSize, seed, step: DRAWN },
      onProgress: (detail) => onProgress({ step: steps, phase: 'rollout', detail }),
      ...(pool && { sample: pool.sample }),
    });
    const rewards = await reward.evaluate(rollout.samples);
    const { advantages } = groupAdvantages(rewards.total, { groupSize });
    return groupReport({ rollout, rewards, advantages });
  };

  return {
    parameters: Object.values(model.variables).reduce((sum, { size }) => sum + size, 0),
    picture: { patches: codebook.size, imageTokens: codebook.length },
    get steps() {
      return steps;
    },
    get untouched() {
      return untouched;
    },
    get settings() {
      return settings;
    },
    get prompt() {
      return prompt;
    },
    set prompt(row) {
      prompt = row;
    },
    draw,
    async drawBase() {
      const present = await exportWeights(model.variables);
      importWeights(model.variables, assets.weights.tensors, 'the base weights');
      try {
        return await draw();
      } finally {
        importWeights(model.variables, present, 'the present weights');
      }
    },
    async step() {
      training ??= start();
      const { value } = await training.next();
      if (!value) throw new Error('The training has ended.');
      steps = value.metrics.step + 1;
      untouched = false;
      return stepReport(value, maxGradNorm);
    },
    async change(next) {
      await stop();
      settings = next;
    },
    async reset() {
      await stop();
      importWeights(model.variables, assets.weights.tensors, 'the base weights');
      optimizer.dispose();
      optimizer = adamW({ beta2: 0.99 });
      steps = 0;
      untouched = true;
    },
    async save() {
      const metadata = { prompt: prompt.prompt, steps: String(steps), made: 'bicot in the browser' };
      return encodeSafetensors(await exportWeights(model.variables), metadata) as Uint8Array<ArrayBuffer>;
    },
    async load(bytes, name) {
      const { tensors } = decodeSafetensors(bytes, name);
      importWeights(model.variables, tensors, name);
      untouched = false;
      await stop();
      optimizer.dispose();
      optimizer = adamW({ beta2: 0.99 });
    },
  };
}
