import { BicotError, isBicotError } from '../../errors.js';
import type { LoraAdapters } from './adapters.js';
import {
  layerTest,
  type ModuleNames,
  type ModulePattern,
  moduleTest,
  type PatternErrors,
} from './matching.js';
import { ALL_LINEAR, type LoraSettings, loraOptions } from './options.js';

/** What an `adapter_config.json` says, as far as it matters to what adapters compute. */
export interface PeftConfig {
  /** `targets` are those of the file, of which others of its fields may leave some out. */
  readonly settings: LoraSettings;
  /** Whether a module has an adapter. */
  readonly isTarget: (path: string) => boolean;
}

type Json = Readonly<Record<string, unknown>>;

// How PEFT starts adapters without a change of the matrices beside them. The other ways (PiSSA, OLoRA, CorDA, LoftQ,
// LoRA-GA) take something out of the matrices first, which a file of adapters does not tell.
const HARMLESS_STARTS: readonly unknown[] = [
  true,
  false,
  null,
  undefined,
  'gaussian',
  'eva',
  'orthogonal',
  'mica',
];

/** What would change what a model computes, each with how to do without. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  use_dora: 'DoRA rescales the merged matrix',
  lora_bias: 'B has a bias',
  modules_to_save: 'whole modules were trained beside the adapters',
  trainable_token_indices: 'rows of the embedding were trained beside the adapters',
  target_parameters: 'parameters that are no linear layers have adapters',
  alora_invocation_tokens: 'the adapters count after some tokens only',
  layer_replication: 'layers of the model are repeated',
  fan_in_fan_out: 'matrices are stored the other way round',
  ...{ use_qalora: 'QA-LoRA pools the inputs', use_bdlora: 'BD-LoRA has matrices in blocks' },
  ...{
    arrow_config: 'Arrow routes between adapters',
    kasa_config: 'KaSA changes the matrices and adds a diagonal',
  },
  monteclora_config: 'MonteCLoRA draws its adapters at random',
};

/** The text of `adapter_config.json` for adapters: modules by their whole paths, which name the same ones in any model. */
export function peftConfigText({ options, adapted }: LoraAdapters, baseModel: string | undefined): string {
  const config = {
    alpha_pattern: options.alphaPattern,
    base_model_name_or_path: baseModel ?? null,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: options.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: options.rank,
    rank_pattern: options.rankPattern,
    target_modules: [...adapted.keys()],
    task_type: null,
    use_dora: false,
    use_rslora: options.rslora,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/**
 * Reads `adapter_config.json`. What is left out is what PEFT takes then; `lora_dropout` is for training there, and does not
 * matter here.
 * @param what the file, for error messages
 * @throws BicotError `checkpoint` for what is no such file, or describes what bicot does not compute
 */
export function readPeftConfig(text: string, what: string): PeftConfig {
  const errors: PatternErrors = { what, code: 'checkpoint' };
  const config = parse(text, what);
  assertSupported(config, what);
  const targets = names(config.target_modules, 'target_modules', what);
  if (targets === undefined) {
    throw unusable(
      what,
      'target_modules says no names. Write the names of the modules that have adapters into it',
    );
  }
  const isNamed = targets === ALL_LINEAR ? () => true : moduleTest(targets, errors);
  const excluded = names(config.exclude_modules, 'exclude_modules', what);
  const isExcluded = excluded === undefined ? () => false : moduleTest(excluded, errors);
  const inLayer = layers(config, errors);
  return {
    settings: settings(config, targets, what),
    isTarget: (path) => isNamed(path) && !isExcluded(path) && inLayer(path),
  };
}

function parse(text: string, what: string): Json {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new BicotError('checkpoint', `${what} is not JSON. Fetch or save it again.`, { cause });
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw unusable(what, 'it holds no object. Fetch or save it again');
  }
  return config as Json;
}

function assertSupported(config: Json, what: string): void {
  if (config.peft_type !== 'LORA') {
    throw unusable(what, `peft_type is ${JSON.stringify(config.peft_type)}, and LORA alone can be read`);
  }
  const advice =
    'Merge the adapters into the model with PEFT (merge_and_unload) and load the whole model instead';
  for (const [name, meaning] of Object.entries(UNSUPPORTED)) {
    if (isSet(config[name])) {
      throw unusable(
        what,
        `${name} is ${JSON.stringify(config[name])} (${meaning}), which is not supported. ${advice}`,
      );
    }
  }
  if (isSet(config.bias) && config.bias !== 'none') {
    throw unusable(
      what,
      `bias is ${JSON.stringify(config.bias)}: biases were trained, which is not supported. ${advice}`,
    );
  }
  if (!HARMLESS_STARTS.includes(config.init_lora_weights)) {
    throw unusable(
      what,
      `init_lora_weights is ${JSON.stringify(config.init_lora_weights)}, which changes the matrices beside the adapters. Save the adapters with PEFT's path_initial_model_for_weight_conversion, which makes ordinary ones of them`,
    );
  }
}

/** Whether a field says more than that there is nothing. */
function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function settings(config: Json, targets: ModuleNames, what: string): LoraSettings {
  try {
    return loraOptions({
      // PEFT's defaults.
      rank: (config.r ?? 8) as number,
      alpha: (config.lora_alpha ?? 8) as number,
      targets,
      rankPattern: (config.rank_pattern ?? {}) as ModulePattern,
      alphaPattern: (config.alpha_pattern ?? {}) as ModulePattern,
      rslora: (config.use_rslora ?? false) as boolean,
    });
  } catch (cause) {
    if (!isBicotError(cause)) throw cause;
    throw new BicotError('checkpoint', `${what} can't be used. ${cause.message}`, { cause });
  }
}

/** A list of names or a pattern; undefined where there is nothing. */
function names(value: unknown, field: string, what: string): readonly string[] | string | undefined {
  if (!isSet(value) || value === '') return undefined;
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw unusable(what, `${field} is ${JSON.stringify(value)}; a list of names or a pattern was expected`);
}

function layers(config: Json, errors: PatternErrors): (path: string) => boolean {
  const { layers_to_transform: chosen } = config;
  if (chosen === undefined || chosen === null || (Array.isArray(chosen) && chosen.length === 0))
    return () => true;
  const numbers: unknown[] = Array.isArray(chosen) ? chosen : [chosen];
  if (!numbers.every((number): number is number => Number.isSafeInteger(number))) {
    throw unusable(
      errors.what,
      `layers_to_transform is ${JSON.stringify(chosen)}; numbers of layers were expected`,
    );
  }
  const after = names(config.layers_pattern, 'layers_pattern', errors.what) ?? [];
  return layerTest({ layers: numbers, after: typeof after === 'string' ? [after] : after }, errors);
}

function unusable(what: string, why: string): BicotError {
  return new BicotError('checkpoint', `${what} can't be used: ${why}.`);
}
