import { resolve } from 'node:path';
import type { PromptRow } from '../../../data/prompts.js';
import { BicotError } from '../../../errors.js';
import type { EnsembleMember } from '../../../rewards/ensemble/member.js';
import type { ModelSource } from '../../../rewards/transformers/index.js';
import type { RunDefinition, RunParts, RunSettings } from '../../run/definition.js';
import { type JsonConfig, SETTINGS } from './schema.js';

/**
 * The run that a configuration in JSON describes.
 * @param config with absolute paths
 */
export function runOf(config: JsonConfig): RunDefinition {
  const settings = Object.fromEntries(Object.entries(config).filter(([name]) => SETTINGS.includes(name)));
  return {
    ...(settings as unknown as RunSettings),
    setup: () => setUp(config),
  };
}

/**
 * The configuration with absolute paths, so that it means the same wherever it is kept.
 * @param folder where its paths begin
 */
export function withAbsolutePaths(config: JsonConfig, folder: string): JsonConfig {
  const at = (path: string): string => resolve(folder, path);
  const { model, prompts, evaluation, rewards } = config;
  return {
    ...config,
    model: { ...model, folder: isUrl(model.folder) ? model.folder : at(model.folder) },
    prompts: at(prompts),
    ...(evaluation && { evaluation: { ...evaluation, prompts: at(evaluation.prompts) } }),
    rewards: Object.fromEntries(
      Object.entries(rewards).map(([name, reward]) => [
        name,
        // A path, where it looks like one; else a name of the hub.
        'model' in reward && /^[./]|^[A-Za-z]:/.test(reward.model)
          ? { ...reward, model: at(reward.model) }
          : reward,
      ]),
    ),
  };
}

/** As `RunDefinition` has them, which knows neither prompts nor contexts. */
type AnyParts = RunParts<unknown, unknown>;

const isUrl = (text: string): boolean => /^https?:/.test(text);

/** A model and how it is sampled, for prompts of a type `P`. */
export type ConfiguredModel<P, C> = Pick<RunParts<P, C>, 'policy' | 'rollout' | 'promptOf'>;

async function setUp(config: JsonConfig): Promise<AnyParts> {
  const { model } = config;
  if (model.type === 'janus') {
    const { janusModel, janusRows } = await import('./janus-model.js');
    return (await partsOf(config, janusRows, () => janusModel(model))) as AnyParts;
  }
  const { classRows, llamaGenModel } = await import('./llamagen-model.js');
  return (await partsOf(config, classRows, () => llamaGenModel(model))) as AnyParts;
}

/** What is small comes first, so that what is wrong with it is said before a model of gigabytes is loaded. */
async function partsOf<P extends PromptRow, C>(
  config: JsonConfig,
  read: (path: string) => Promise<P[]>,
  load: () => Promise<ConfiguredModel<P, C>>,
): Promise<RunParts<P, C>> {
  const { evaluation } = config;
  const { rewardEnsemble } = await import('../../../rewards/ensemble/ensemble.js');
  const prompts = await read(config.prompts);
  const evaluated = evaluation && {
    prompts: await read(evaluation.prompts),
    ...(evaluation.samplesPerPrompt && { samplesPerPrompt: evaluation.samplesPerPrompt }),
  };
  const reward = rewardEnsemble<P>(await membersOf(config));
  return { ...(await load()), prompts, reward, ...(evaluated && { evaluation: evaluated }) };
}

type RewardConfig = JsonConfig['rewards'][string];

async function membersOf({ rewards }: JsonConfig): Promise<Record<string, EnsembleMember<PromptRow>>> {
  const members: Record<string, EnsembleMember<PromptRow>> = {};
  for (const [name, config] of Object.entries(rewards)) {
    const { weight, monitor, required, normalize } = config;
    members[name] = {
      ...(await rewardOf(config)),
      ...(weight !== undefined && { weight }),
      ...(monitor !== undefined && { monitor }),
      ...(required !== undefined && { required }),
      ...(normalize !== undefined && { normalize }),
    };
  }
  return members;
}

async function rewardOf(config: RewardConfig): Promise<EnsembleMember<PromptRow>> {
  if (config.type === 'http') {
    const { httpReward } = await import('../../../rewards/http/index.js');
    const { url, authorizationFrom, timeout, batchSize, retries = 3 } = config;
    const headers: Record<string, string> =
      authorizationFrom === undefined ? {} : { authorization: secret(authorizationFrom) };
    const limits = { ...(timeout && { timeout }), ...(batchSize && { batchSize }) };
    return { reward: httpReward<PromptRow>({ url, headers, ...limits }), call: { retries } };
  }
  const vision = await import('../../../rewards/transformers/index.js');
  const { model, dtype, localOnly } = config;
  const source: ModelSource = {
    model,
    ...(dtype !== undefined && { dtype: dtype as ModelSource['dtype'] }),
    ...(localOnly !== undefined && { localOnly }),
  };
  switch (config.type) {
    case 'similarity':
      return { reward: vision.imageTextSimilarity<PromptRow>(source) };
    case 'detection': {
      const detector = vision.objectDetection(source);
      const rules = { reference: config.reference === true };
      return { reward: vision.detectionReward<PromptRow>({ detector, rules }) };
    }
    case 'question':
      return { reward: vision.questionReward<PromptRow>({ model: vision.yesNoModel(source) }) };
    case 'judge':
      return { reward: vision.judgeReward<PromptRow>({ model: vision.yesNoModel(source) }) };
  }
}

/** Secrets stand in the environment, not in files that are copied and shown. */
function secret(variable: string): string {
  const value = process.env[variable];
  if (value) return value;
  throw new BicotError(
    'value',
    `the environment variable ${variable} is not set, whose value the reward service wants as its authorization header. Set it, e.g. ${variable}='Bearer …'.`,
  );
}
