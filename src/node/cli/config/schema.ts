import * as v from 'valibot';
import { LLAMAGEN_SIZES, type LlamaGenSize } from '../../../models/llamagen/config.js';
import { PRESET_NAMES } from '../../../objective/presets.js';
import type { BackendName } from '../../backend.js';
import type { RunSettings } from '../../run/definition.js';
import { fieldsIn } from './names.js';
import { checkObjective } from './objective.js';
import { configError, type Issue } from './words.js';

const number = (words: string, test: (value: number) => boolean) =>
  v.pipe(
    v.number(words),
    v.check((value) => Number.isFinite(value) && test(value), words),
  );
const count = (least: number) =>
  number(`a whole number, ${least} or more`, (value) => Number.isSafeInteger(value) && value >= least);
const positive = number('a number above 0', (value) => value > 0);
const notNegative = number('a number, 0 or more', (value) => value >= 0);
const text = v.pipe(v.string('text in quotes'), v.nonEmpty('text that is not empty'));
const oneOf = <const T extends readonly string[]>(all: T) => v.picklist(all, `one of ${all.join(', ')}`);

const BACKENDS = ['node-gpu', 'webgpu', 'node', 'wasm', 'cpu'] as const satisfies readonly BackendName[];

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

/** One schema or the other by what is given, so that a fault within an object is named, and not the whole. */
const learningRate = v.lazy((input) =>
  isObject(input)
    ? v.strictObject({
        peak: notNegative,
        warmupSteps: v.optional(count(0)),
        final: v.optional(notNegative),
        shape: v.optional(oneOf(['linear', 'cosine'])),
      })
    : number('a number, 0 or more, or { peak, warmupSteps, final, shape }', (value) => value >= 0),
);
const presetName = v.picklist(
  PRESET_NAMES,
  `one of ${PRESET_NAMES.join(', ')}, or { preset: one of them, and its options }`,
);
/** Options of a preset are checked by the preset. */
const plainObjective = v.lazy((input) =>
  isObject(input) ? v.looseObject({ preset: oneOf(PRESET_NAMES) }) : presetName,
);
const objective = v.lazy((input) =>
  isObject(input) && !('preset' in (input as object))
    ? v.looseObject({ name: text, level: v.custom(() => true) })
    : plainObjective,
);

const settings = {
  steps: count(1),
  learningRate,
  objective: v.optional(objective),
  groupSize: v.optional(count(2)),
  promptsPerStep: v.optional(count(1)),
  seed: v.optional(count(0)),
  backend: v.optional(oneOf(BACKENDS)),
  workers: v.optional(count(0)),
  microBatch: v.optional(count(1)),
  updatesPerRollout: v.optional(count(1)),
  maxGradNorm: v.optional(positive),
  ema: v.optional(v.strictObject({ decay: number('a number from 0 to below 1', (d) => d >= 0 && d < 1) })),
  checkpoints: v.optional(
    v.strictObject({
      every: v.optional(count(1)),
      keepLast: v.optional(count(1)),
      best: v.optional(text),
    }),
  ),
  track: v.optional(v.strictObject({ every: v.optional(count(1)), prompts: v.optional(count(0)) })),
  out: v.optional(text),
};

const member = {
  weight: v.optional(number('a number', () => true)),
  monitor: v.optional(v.boolean('true or false')),
  required: v.optional(v.boolean('true or false')),
  normalize: v.optional(oneOf(['none', 'group', 'rank'])),
};
const modelSource = {
  model: text,
  dtype: v.optional(text),
  localOnly: v.optional(v.boolean('true or false')),
};
const reward = v.variant(
  'type',
  [
    v.strictObject({
      type: v.literal('http'),
      url: text,
      /** The environment variable whose value is sent as the authorization header. */
      authorizationFrom: v.optional(text),
      timeout: v.optional(count(1)),
      retries: v.optional(count(0)),
      batchSize: v.optional(count(1)),
      ...member,
    }),
    v.strictObject({ type: v.literal('similarity'), ...modelSource, ...member }),
    v.strictObject({
      type: v.literal('detection'),
      ...modelSource,
      reference: v.optional(v.boolean('true or false')),
      ...member,
    }),
    v.strictObject({ type: v.literal('question'), ...modelSource, ...member }),
    v.strictObject({ type: v.literal('judge'), ...modelSource, ...member }),
  ],
  'a reward with type: http, similarity, detection, question or judge',
);

const lora = v.optional(v.strictObject({ rank: count(1), alpha: v.optional(positive) }));
const model = v.variant(
  'type',
  [
    v.strictObject({
      type: v.literal('janus'),
      folder: text,
      lora,
      roles: v.optional(oneOf(['pro', 't2i-r1'])),
      system: v.optional(v.string('text in quotes')),
      instruction: v.optional(text),
      planTokens: v.optional(count(1)),
      guidance: v.optional(notNegative),
    }),
    v.strictObject({
      type: v.literal('llamagen'),
      folder: text,
      lora,
      /** Names of files in the folder. */
      transformer: v.optional(text),
      tokenizer: v.optional(text),
      size: v.optional(oneOf(Object.keys(LLAMAGEN_SIZES) as LlamaGenSize[])),
      heads: v.optional(count(1)),
      grid: v.optional(count(1)),
      guidance: v.optional(notNegative),
    }),
  ],
  'a model with type: janus or llamagen; others take a configuration in TypeScript',
);

const whole = {
  ...settings,
  objective: v.optional(plainObjective),
  model,
  prompts: text,
  evaluation: v.optional(v.strictObject({ prompts: text, samplesPerPrompt: v.optional(count(1)) })),
  rewards: v.pipe(
    v.record(v.string(), reward),
    v.check((all) => Object.keys(all).length > 0, 'at least one reward by name'),
  ),
};

/** A whole run as plain data. */
export type JsonConfig = v.InferOutput<typeof wholeSchema>;
/** The model of a type. */
export type ModelConfig<T extends JsonConfig['model']['type']> = Extract<
  JsonConfig['model'],
  { readonly type: T }
>;
const wholeSchema = v.strictObject(whole, 'an object');
const settingsSchema = v.strictObject(settings, 'an object');

/** Names of the settings that every configuration may have. */
export const SETTINGS: readonly string[] = Object.keys(settings) satisfies string[] as (keyof RunSettings)[];
/** Names of what a configuration in JSON has besides. */
export const JSON_FIELDS: readonly string[] = Object.keys(whole).filter((name) => !SETTINGS.includes(name));

/**
 * Checks the settings of a configuration in TypeScript.
 * @throws BicotError `value`, naming field, value and what is allowed
 */
export function checkSettings(where: string, value: unknown): RunSettings {
  const { success, output, issues } = v.safeParse(settingsSchema, value);
  if (!success) throw configError(where, issues as unknown as Issue[], fieldsIn(settingsSchema));
  checkObjective(where, output.objective as RunSettings['objective']);
  return output as RunSettings;
}

/**
 * Checks a configuration in JSON.
 * @throws BicotError `value`, naming field, value and what is allowed
 */
export function checkJsonConfig(where: string, value: unknown): JsonConfig {
  const { success, output, issues } = v.safeParse(wholeSchema, value);
  if (!success) throw configError(where, issues as unknown as Issue[], fieldsIn(wholeSchema));
  checkObjective(where, output.objective as RunSettings['objective']);
  return output;
}
