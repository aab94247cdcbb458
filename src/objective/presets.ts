import { type AdvantageScale, DEFAULT_EPSILON } from './advantages.js';
import type { ClipRange, LevelObjective } from './loss.js';
import { levelObjective, type Objective } from './objective.js';

/** What may be changed in a preset; everything else stays as the preset says. */
export interface ObjectiveOptions extends Partial<LevelObjective> {
  /** For logs. */
  readonly name?: string;
  readonly scale?: AdvantageScale;
  readonly epsilon?: number;
  readonly joint?: boolean;
  /** What a level has of its own, by the level's name, e.g. `{ semantic: { weight: 2 } }`. */
  readonly levels?: Readonly<Record<string, Partial<LevelObjective>>>;
}

const PPO_CLIP: ClipRange = { low: 0.2, high: 0.2 };

/**
 * The objective of T2I-R1 (BiCoT-GRPO, arXiv 2505.00703, and its released training script): the plain sum of the
 * rewards (a `rewardEnsemble`'s default), standardised in the group; one update per batch and hence no clip; k3 penalty with β = 0.01; one token
 * mean over plan and image together, so that a short plan weighs little next to hundreds of image tokens (compare
 * `balanced`).
 * @throws BicotError `value` if an option makes no sense
 */
export function t2iR1(options: ObjectiveOptions = {}): Objective {
  return build('t2iR1', true, { normalizer: 'token-mean', clip: null, klWeight: 0.01 }, options);
}

/**
 * GRPO as first published (DeepSeekMath, arXiv 2402.03300): a mean over each sample's tokens, then over the samples;
 * clip 0.2; k3 penalty with β = 0.04. With several levels each has this objective, and the losses add up.
 * @throws BicotError `value` if an option makes no sense
 */
export function grpo(options: ObjectiveOptions = {}): Objective {
  return build('grpo', false, { normalizer: 'sequence-mean', clip: PPO_CLIP, klWeight: 0.04 }, options);
}

/**
 * Every level with a token mean of its own and weight 1, so that a plan of 20 tokens counts as much as an image of
 * 576; clip 0.2; k3 penalty with β = 0.01.
 * @throws BicotError `value` if an option makes no sense
 */
export function balanced(options: ObjectiveOptions = {}): Objective {
  return build('balanced', false, { normalizer: 'token-mean', clip: PPO_CLIP, klWeight: 0.01 }, options);
}

function build(
  name: string,
  joint: boolean,
  preset: Pick<LevelObjective, 'normalizer' | 'clip' | 'klWeight'>,
  options: ObjectiveOptions,
): Objective {
  const objective: Objective = {
    name: options.name ?? name,
    advantages: {
      scale: options.scale ?? 'group',
      epsilon: options.epsilon ?? DEFAULT_EPSILON,
    },
    joint: options.joint ?? joint,
    level: {
      weight: options.weight ?? 1,
      normalizer: options.normalizer ?? preset.normalizer,
      // null is a choice (no clip), so only undefined falls back.
      clip: options.clip === undefined ? preset.clip : options.clip,
      klWeight: options.klWeight ?? preset.klWeight,
      klEstimator: options.klEstimator ?? 'k3',
    },
    ...(options.levels ? { levels: options.levels } : {}),
  };
  // A bad option fails here and not in the first step; '' stands for every level without settings of its own.
  for (const level of ['', ...Object.keys(objective.levels ?? {})]) levelObjective(objective, level);
  return objective;
}
