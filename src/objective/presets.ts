import { BicotError } from '../errors.js';
import { assertKnownOptions } from '../options.js';
import { type AdvantageBaseline, type AdvantageScale, DEFAULT_EPSILON } from './advantages.js';
import { isActive } from './coefficient.js';
import type { ByLevel } from './level-name.js';
import { LEVEL_SETTINGS, type LevelObjective, levelObjective, type Objective } from './objective.js';
import { clipped, unclipped } from './surrogates/clipped.js';
import { clippedWeight } from './surrogates/clipped-weight.js';
import { softGate } from './surrogates/soft-gate.js';
import type { ZeroVariance } from './zero-variance.js';

/** What may be changed in a preset. Default, of every option: as the preset says. */
export interface ObjectiveOptions extends Partial<LevelObjective> {
  /** For logs. */
  readonly name?: string;
  /** What deviations are divided by: `group`, but `none` in `drGrpo`. */
  readonly scale?: AdvantageScale;
  /** Added to every spread: 1e-4. Refused with the scale `none`. */
  readonly epsilon?: number;
  /** What a sample is compared with: `mean`. */
  readonly baseline?: AdvantageBaseline;
  /** Advantages are clipped to ± this. */
  readonly advantageClip?: number | null;
  /** What becomes of groups without spread: `keep`, but `{ resample: 3 }` in `dapo`. */
  readonly zeroVariance?: ZeroVariance;
  /** Whether the KL penalty acts on those that are kept: true. Refused without a KL penalty. */
  readonly zeroVarianceKl?: boolean;
  /** One token mean over all levels together: false, but true in `t2iR1`. */
  readonly joint?: boolean;
  /** What a level has of its own, by the level's name, e.g. `{ semantic: { weight: 2 } }`. */
  readonly levels?: ByLevel<Partial<LevelObjective>>;
}

const OPTIONS: readonly string[] = [
  ...LEVEL_SETTINGS,
  ...([
    'name',
    'scale',
    'epsilon',
    'baseline',
    'advantageClip',
    'zeroVariance',
    'zeroVarianceKl',
    'joint',
    'levels',
  ] satisfies (keyof ObjectiveOptions)[]),
];

/** What every objective has that says nothing else: one clipped update towards the mean of each sample's tokens. */
const DEFAULTS: Required<Omit<ObjectiveOptions, 'name' | 'levels'>> = {
  weight: 1,
  normalizer: 'sequence-mean',
  ratio: 'token',
  surrogate: clipped(),
  klWeight: 0,
  klEstimator: 'k3',
  klImportance: false,
  entropyWeight: 0,
  topEntropyShare: 1,
  importance: null,
  offPolicyThreshold: null,
  scale: 'group',
  epsilon: DEFAULT_EPSILON,
  baseline: 'mean',
  advantageClip: null,
  zeroVariance: 'keep',
  zeroVarianceKl: true,
  joint: false,
};

/**
 * The objective of T2I-R1 (BiCoT-GRPO, arXiv 2505.00703, and its released training script): the plain sum of the
 * rewards (a `rewardEnsemble`'s default), standardised in the group; one update per batch and hence no clip; k3 penalty with β = 0.01; one token
 * mean over plan and image together, so that a short plan weighs little next to hundreds of image tokens (compare
 * `balanced`).
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function t2iR1(options: ObjectiveOptions = {}): Objective {
  return build(
    't2iR1',
    { joint: true, normalizer: 'token-mean', surrogate: unclipped(), klWeight: 0.01 },
    options,
  );
}

/**
 * Every level with a token mean of its own and weight 1, so that a plan of 20 tokens counts as much as an image of
 * 576; clip 0.2; k3 penalty with β = 0.01.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function balanced(options: ObjectiveOptions = {}): Objective {
  return build('balanced', { normalizer: 'token-mean', klWeight: 0.01 }, options);
}

/**
 * GRPO as first published (DeepSeekMath, arXiv 2402.03300): a mean over each sample's tokens, then over the samples;
 * clip 0.2; k3 penalty with β = 0.04. With several levels each has this objective, and the losses add up.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function grpo(options: ObjectiveOptions = {}): Objective {
  return build('grpo', { klWeight: 0.04 }, options);
}

/**
 * GRPO with one mean over all tokens of the batch (TRL's `bnpo`); clip 0.2, no KL penalty.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function bnpo(options: ObjectiveOptions = {}): Objective {
  return build('bnpo', { normalizer: 'token-mean' }, options);
}

/**
 * Dr. GRPO (arXiv 2503.20783): neither the length of a sample nor the spread of its group changes its weight. Sums
 * are divided by the most tokens that a row of the level may have, and advantages by nothing; clip 0.2, no KL penalty.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function drGrpo(options: ObjectiveOptions = {}): Objective {
  return build('drGrpo', { normalizer: 'max-length', scale: 'none' }, options);
}

/**
 * DAPO (arXiv 2503.14476): clip-higher (0.2 below, 0.28 above), one mean over all tokens of the batch, no KL penalty,
 * and other prompts in place of groups without spread (here at most 3 times over in a step, where the paper goes on
 * until the batch is full).
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function dapo(options: ObjectiveOptions = {}): Objective {
  const surrogate = clipped({ low: 0.2, high: 0.28 });
  return build('dapo', { normalizer: 'token-mean', surrogate, zeroVariance: { resample: 3 } }, options);
}

/**
 * CISPO (MiniMax-M1, arXiv 2506.13585) with the bounds of ScaleRL (arXiv 2510.13786): the ratio is clipped as a weight,
 * at 5, and no token loses its gradient; one mean over all tokens of the batch, no KL penalty.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function cispo(options: ObjectiveOptions = {}): Objective {
  return build('cispo', { normalizer: 'token-mean', surrogate: clippedWeight() }, options);
}

/**
 * SAPO (arXiv 2511.20347): a soft gate instead of a clip; sequence mean, no KL penalty.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function sapo(options: ObjectiveOptions = {}): Objective {
  return build('sapo', { surrogate: softGate() }, options);
}

/**
 * GSPO (arXiv 2507.18071): ratios of whole sequences, hence a much tighter clip (3e-4 below, 4e-4 above); sequence
 * mean, no KL penalty. With `ratio: 'sequence-token'` it is GSPO-token, whose tokens may have advantages of their own.
 * @throws BicotError `value` if an option makes no sense or would do nothing
 */
export function gspo(options: ObjectiveOptions = {}): Objective {
  const surrogate = clipped({ low: 3e-4, high: 4e-4 });
  return build('gspo', { ratio: 'sequence', surrogate }, options);
}

/** Names of the presets, for configuration files, command lines and comparisons of all. */
export const PRESET_NAMES = [
  't2iR1',
  'balanced',
  'grpo',
  'bnpo',
  'drGrpo',
  'dapo',
  'cispo',
  'sapo',
  'gspo',
] as const;
/** One of them. */
export type PresetName = (typeof PRESET_NAMES)[number];

const PRESETS: Readonly<Record<PresetName, (options?: ObjectiveOptions) => Objective>> = {
  ...{ t2iR1, balanced, grpo, bnpo, drGrpo, dapo, cispo, sapo, gspo },
};

/**
 * A preset by its name, e.g. from a command line.
 * @throws BicotError `value` for an unknown name, or if an option makes no sense or would do nothing
 */
export function presetObjective(name: PresetName, options: ObjectiveOptions = {}): Objective {
  if (typeof name === 'string' && Object.hasOwn(PRESETS, name)) return PRESETS[name](options);
  throw new BicotError(
    'value',
    `presetObjective: there is no preset '${name}'; the presets are ${PRESET_NAMES.join(', ')}.`,
  );
}

function build(name: string, preset: ObjectiveOptions, options: ObjectiveOptions): Objective {
  assertKnownOptions(name, options, OPTIONS);
  // An option that is present but undefined must not hide the preset's. null is a choice.
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all = { ...DEFAULTS, ...preset, ...given };
  const { scale, epsilon, baseline, advantageClip, zeroVariance, zeroVarianceKl, joint, levels, ...rest } =
    all;
  const { name: givenName, ...level } = rest;
  if (levels !== undefined) assertKnownOptions(`${name}: levels`, levels, Object.keys(levels));
  const objective: Objective = {
    name: givenName ?? name,
    advantages: { scale, epsilon, baseline, clip: advantageClip, zeroVariance, zeroVarianceKl },
    joint,
    level,
    ...(levels ? { levels } : {}),
  };
  // A bad option fails here and not in the first step; '' stands for every level without settings of its own.
  const names = ['', ...Object.keys(levels ?? {})];
  for (const each of names) levelObjective(objective, each);
  refuseIdle(objective, given);
  return objective;
}

/** An option that was given and does nothing is a misunderstanding. */
function refuseIdle(objective: Objective, given: Record<string, unknown>): void {
  const { name, levels = {} } = objective;
  const idle = (option: string, why: string): never => {
    throw new BicotError('value', `objective '${name}': ${option} would do nothing, as ${why}.`);
  };
  const active = (level: string) => isActive(levelObjective(objective, level).klWeight);
  const penalised = ['', ...Object.keys(levels)].some(active);
  const needsKl = ['klEstimator', 'klImportance'] as const;
  for (const option of needsKl) {
    if (option in given && !penalised) idle(option, 'klWeight is 0 at every level');
    for (const [level, own] of Object.entries(levels)) {
      if (own[option] !== undefined && !active(level)) {
        idle(`${option} of level '${level}'`, 'its klWeight is 0');
      }
    }
  }
  if ('zeroVarianceKl' in given && !penalised) idle('zeroVarianceKl', 'klWeight is 0 at every level');
  if ('epsilon' in given && objective.advantages.scale === 'none') idle('epsilon', "scale is 'none'");
}
