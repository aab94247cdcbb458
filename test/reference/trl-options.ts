/** TRL's names for losses and options, as bicot's. */
import {
  clipped,
  clippedWeight,
  type LossObjective,
  type Normalizer,
  type RatioLevel,
  type Surrogate,
  softGate,
} from 'bicot';
import { geometricMean } from '../../examples/objectives/gmpo.js';
import { gammaWeighted } from '../../examples/objectives/vespo.js';

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[];

/** Inputs that all cases of a file share. */
export interface ReferenceInputs {
  readonly logp: Matrix;
  readonly old: Matrix;
  readonly ref?: Matrix;
  readonly mask: Matrix;
  readonly adv: readonly number[];
  readonly entropy?: Matrix;
  /** `[N, T]`, `[N, 1]` or `[N]`. */
  readonly is_ratio?: Matrix | readonly number[];
  /** The same for cases with `vllm: "token"`. */
  readonly is_ratio_token?: Matrix;
  /** Log-probs of the sampler; anything but a matrix stands for `old`. */
  readonly sampling?: Matrix | string;
  readonly max_completion_length?: number;
  readonly num_items_in_batch?: number;
}

/** A loss that TRL computed. */
export interface ReferenceCase {
  readonly loss_type: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly loss: number;
  /** With respect to the log-probs. */
  readonly grad: Matrix;
  /** With respect to the entropies, where there is a bonus. */
  readonly grad_entropy?: Matrix;
}

/** A case that bicot does not have, and why. */
export class Unsupported extends Error {}

/** Options that are read, by TRL's short names. */
const KNOWN_OPTIONS = [
  ...[
    'beta',
    'epsilon',
    'epsilon_high',
    'delta',
    'top_entropy_quantile',
    'off',
    'lvl',
    'biaskl',
    'vllm',
    'ent',
  ],
  'sampling',
  ...['sapo_temperature_pos', 'sapo_temperature_neg'],
  ...['vespo_k_pos', 'vespo_lambda_pos', 'vespo_k_neg', 'vespo_lambda_neg'],
];

/** TRL's options as bicot's. */
export function objectiveOf({ loss_type, options }: ReferenceCase): LossObjective {
  const unknown = Object.keys(options).filter((option) => !KNOWN_OPTIONS.includes(option));
  if (unknown.length > 0) throw new Unsupported(`bicot does not know the option ${unknown.join(', ')}`);
  const number = (name: string): number | undefined => options[name] as number | undefined;
  if (loss_type === 'vespo' && options.vllm) {
    throw new Unsupported("TRL folds the sampler's ratio into VESPO's weight; the recipe has no such input");
  }
  if (loss_type === 'gmpo' && ((options.top_entropy_quantile as number | undefined) ?? 1) < 1) {
    throw new Unsupported(
      "TRL takes GMPO's mean over the tokens of high entropy; the recipe's is over all tokens",
    );
  }
  const ignored = ignoredBy(loss_type, options.lvl).filter((option) => options[option]);
  if (ignored.length > 0) {
    throw new Unsupported(`TRL ignores ${ignored.join(', ')} here; bicot does not`);
  }
  const levels: Record<string, RatioLevel> = { sequence_token: 'sequence-token', sequence: 'sequence' };
  const ratio = levels[(options.lvl as string | undefined) ?? ''] ?? 'token';
  return {
    surrogate: surrogateOf(loss_type, number),
    // These two make their own ratio, and bicot refuses one that would do nothing.
    ratio: ['vespo', 'gmpo'].includes(loss_type) ? 'token' : ratio,
    klWeight: number('beta') ?? 0,
    klImportance: options.biaskl === true,
    entropyWeight: number('ent') ?? 0,
    offPolicyThreshold: number('off') ?? null,
  };
}

/** Options that TRL has no effect of, without saying so. */
function ignoredBy(loss: string, level: unknown): string[] {
  if (loss === 'gmpo') return ['off', 'ent', 'biaskl', 'vllm'];
  if (level === 'sequence_token') return ['off', 'ent', 'biaskl'];
  // The recipe's KL would have the token's ratio.
  return loss === 'vespo' && level === 'sequence' ? ['biaskl'] : [];
}

function surrogateOf(loss: string, number: (name: string) => number | undefined): Surrogate {
  const low = number('epsilon') ?? 0.2;
  const high = number('epsilon_high') ?? low;
  const delta = number('delta');
  switch (loss) {
    case 'grpo':
    case 'bnpo':
    case 'dr_grpo':
    case 'dapo':
    case 'luspo':
      return clipped({ low, high, delta });
    case 'cispo':
      return clippedWeight({ max: high });
    case 'sapo':
      return softGate({
        positive: number('sapo_temperature_pos') ?? 1,
        negative: number('sapo_temperature_neg') ?? 1.05,
      });
    case 'gmpo':
      return geometricMean({
        low: number('epsilon') ?? 0.4,
        high: number('epsilon_high') ?? number('epsilon') ?? 0.4,
      });
    case 'vespo':
      return gammaWeighted({
        positive: { k: number('vespo_k_pos') ?? 2, lambda: number('vespo_lambda_pos') ?? 3 },
        negative: { k: number('vespo_k_neg') ?? 3, lambda: number('vespo_lambda_neg') ?? 2 },
      });
    default:
      throw new Unsupported(`bicot has no loss ${loss}`);
  }
}

/** How TRL averages the tokens of a loss. */
export function normalizerOf(loss: string, inputs: ReferenceInputs, rows: number): Normalizer {
  switch (loss) {
    case 'bnpo':
      return 'token-mean';
    case 'luspo':
      return 'sequence-sum';
    case 'dr_grpo':
      if (inputs.max_completion_length === undefined) throw new Unsupported('no max_completion_length');
      return { maxLength: inputs.max_completion_length };
    case 'dapo':
    case 'cispo':
    case 'vespo': {
      // TRL divides by the tokens of the whole generation batch.
      const tokens = inputs.num_items_in_batch;
      return tokens === undefined ? 'token-mean' : { maxLength: Math.max(tokens, 1) / rows };
    }
    default:
      return 'sequence-mean';
  }
}
