import { resolve } from 'node:path';
import type { PromptRow } from '../../../data/prompts.js';
import { BicotError } from '../../../errors.js';
import type { JanusContext } from '../../../models/janus/index.js';
import type { EnsembleMember } from '../../../rewards/ensemble/member.js';
import type { ModelSource } from '../../../rewards/transformers/index.js';
import { readPromptFile } from '../../files.js';
import type { RunDefinition, RunParts } from '../../run/definition.js';
import { type JsonConfig, SETTINGS } from './schema.js';

/**
 * The run that a configuration in JSON describes.
 * @param config with absolute paths
 */
export function runOf(config: JsonConfig): RunDefinition<PromptRow, JanusContext> {
  const settings = Object.fromEntries(Object.entries(config).filter(([name]) => SETTINGS.includes(name)));
  return {
    ...(settings as unknown as RunDefinition<PromptRow, JanusContext>),
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

const isUrl = (text: string): boolean => /^https?:/.test(text);

async function setUp(config: JsonConfig): Promise<RunParts<PromptRow, JanusContext>> {
  const { model, evaluation } = config;
  const { loadJanus, janusPrompts } = await import('../../../models/janus/index.js');
  const { rewardEnsemble } = await import('../../../rewards/ensemble/ensemble.js');
  const { biLevelRollout } = await import('../../../rollout/bi-level.js');
  const prompts = await readPromptFile(config.prompts);
  const policy = await loadJanus(model.folder, { lora: model.lora });
  const { roles, system, instruction, planTokens = 512, guidance = 5 } = model;
  const write = janusPrompts(policy.tokenizer, {
    ...(roles && { roles }),
    ...(system !== undefined && { system }),
    ...(instruction !== undefined && { instruction }),
  });
  return {
    policy,
    prompts,
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
    reward: rewardEnsemble<PromptRow>(await membersOf(config)),
    ...(evaluation && {
      evaluation: {
        prompts: await readPromptFile(evaluation.prompts),
        ...(evaluation.samplesPerPrompt && { samplesPerPrompt: evaluation.samplesPerPrompt }),
      },
    }),
  };
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
