import { balanced, type Objective, PRESET_NAMES, presetObjective, t2iR1 } from 'bicot';
import type { RewardWeights } from '../../emoji/choose-rewards.js';

/** How a policy comes about. */
export type Method =
  /** The base, as it is. */
  | 'none'
  /** Supervised training on the best of the base's own samples. */
  | 'best-of-base'
  /** GRPO. */
  | 'grpo';

/** Which question an arm belongs to. */
export const QUESTIONS = [
  'main',
  'rewards',
  'guidance',
  'group size',
  'KL',
  'level weighting',
  'control',
  'objectives',
] as const;
/** One of them. */
export type Question = (typeof QUESTIONS)[number];

/** One way to train, or not to. What is not said is as in `SETTINGS`. */
export interface Arm {
  /** Names its runs' files. */
  readonly name: string;
  /** For tables. */
  readonly title: string;
  readonly question: Question;
  readonly method: Method;
  /** Whether a plan is written before the picture. Default true. */
  readonly plan?: boolean;
  readonly objective?: Objective;
  /** What is trained on. Default the ensemble. */
  readonly rewards?: RewardWeights;
  /** Rewards go to the wrong samples of their group. */
  readonly shuffled?: boolean;
  /** Samples per prompt; the samples of a step stay as many. */
  readonly groupSize?: number;
  readonly updatesPerRollout?: number;
  /** Pictures are sampled, trained and evaluated under guidance of this scale. */
  readonly guidance?: { readonly scale: number; readonly logProbs: 'guided' | 'conditional' };
  /** The base is measured as it draws best (`best`), or sampled as the trained models are (`trained`). Default `trained`. */
  readonly sampling?: 'best' | 'trained';
}

/** β of the arms that say nothing else: T2I-R1's. */
export const KL_WEIGHT = 0.01;

const main = (name: string, title: string, rest: Partial<Arm> = {}): Arm => ({
  name,
  title,
  question: 'main',
  method: 'grpo',
  ...rest,
});
const OFF = { weight: 0 };

/** The arms of the main comparison. */
const MAIN: readonly Arm[] = [
  main('base', 'base, best sampling', { method: 'none', sampling: 'best' }),
  main('base-same', 'base, sampled as trained', { method: 'none' }),
  main('base-no-plan', 'base without plan', { method: 'none', plan: false, sampling: 'best' }),
  main('best-of-base', 'supervised best-of-base', { method: 'best-of-base' }),
  main('no-plan', 'GRPO without plan', { plan: false, objective: balanced({ klWeight: KL_WEIGHT }) }),
  main('semantic', 'semantic level only', {
    objective: balanced({ klWeight: KL_WEIGHT, levels: { token: OFF } }),
  }),
  main('token', 'token level only', {
    objective: balanced({ klWeight: KL_WEIGHT, levels: { semantic: OFF } }),
  }),
  main('bicot', 'BiCoT', { objective: balanced({ klWeight: KL_WEIGHT }) }),
];

const other = (question: Question, name: string, title: string, rest: Partial<Arm>): Arm => ({
  name,
  title,
  question,
  method: 'grpo',
  objective: balanced({ klWeight: KL_WEIGHT }),
  ...rest,
});

/** All arms. Those that a question compares with `bicot` of `main` need no arm for it. */
export const ARMS: readonly Arm[] = [
  ...MAIN,
  ...(['detector', 'attribute', 'quality', 'faithful'] as const).map((name) =>
    other('rewards', `reward-${name}`, `${name} alone`, { rewards: { [name]: 1 } }),
  ),
  other('level weighting', 't2ir1', 't2iR1: one token mean over both levels', {
    objective: t2iR1({ klWeight: KL_WEIGHT }),
  }),
  other('group size', 'group-4', 'groups of 4', { groupSize: 4 }),
  other('group size', 'group-16', 'groups of 16', { groupSize: 16 }),
  other('KL', 'kl-0', 'β = 0', { objective: balanced({ klWeight: 0 }) }),
  other('KL', 'kl-0.1', 'β = 0.1', { objective: balanced({ klWeight: 0.1 }) }),
  other('control', 'shuffled', 'rewards of the wrong samples', { shuffled: true }),
  other('guidance', 'guided', 'guidance 2, guided log-probs', {
    guidance: { scale: 2, logProbs: 'guided' },
  }),
  other('guidance', 'conditional', 'guidance 2, conditional log-probs', {
    guidance: { scale: 2, logProbs: 'conditional' },
  }),
  // With two updates of each rollout, so that what they do with ratios matters, and half the rollouts.
  ...PRESET_NAMES.map((preset) =>
    other('objectives', `objective-${preset}`, preset, {
      objective: presetObjective(preset),
      updatesPerRollout: 2,
    }),
  ),
];

/** The arm of a name. */
export function armNamed(name: string): Arm {
  const arm = ARMS.find((one) => one.name === name);
  if (arm) return arm;
  throw new Error(`There is no arm '${name}'. The arms are ${ARMS.map((one) => one.name).join(', ')}.`);
}
