/** Runs bicot on a file of reference values in the format of `../fixtures/grpo-losses.json`. */
import * as tf from '@tensorflow/tfjs';
import {
  type AdvantageScale,
  combineRewards,
  isBicotError,
  type KlKind,
  kl,
  type LevelLossInput,
  levelLoss,
  MAX_LOG_RATIO,
  type Normalizer,
  type RewardAggregation,
  tokenWeights,
  topEntropyMask,
} from 'bicot';
import { isPaddingSlip } from './luspo-slip.js';
import {
  type Matrix,
  normalizerOf,
  objectiveOf,
  type ReferenceCase,
  type ReferenceInputs,
  Unsupported,
} from './trl-options.js';

export type { ReferenceCase, ReferenceInputs } from './trl-options.js';

/** A file of reference values; sections that are missing are not checked. */
export interface ReferenceFile {
  readonly inputs: ReferenceInputs;
  readonly trl?: Readonly<Record<string, ReferenceCase>>;
  readonly advantages?: {
    readonly rewards_per_func: readonly (readonly (number | null)[])[];
    readonly weights: readonly number[];
    readonly G: number;
    readonly eps?: number;
    readonly out: Readonly<Record<string, readonly number[]>>;
  };
  readonly verl_kl?: Readonly<Record<string, Matrix>>;
  /** Not checked. */
  readonly verl?: Readonly<Record<string, unknown>>;
}

/** A case that was compared: the largest errors over the largest magnitude. */
export interface CheckedCase {
  readonly name: string;
  /** Over the loss, or over a part of its terms where those cancel. */
  readonly loss: number;
  /** Absent where values alone are compared. */
  readonly gradient?: number;
}

/** What became of one case. */
export type CaseResult = CheckedCase | { readonly name: string; readonly skipped: string };

/** Runs every case of a file on the present backend. */
export async function checkReferenceFile(file: ReferenceFile): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const [name, expected] of Object.entries(file.trl ?? {})) {
    results.push(await attempt(name, () => lossErrors(file.inputs, expected)));
  }
  for (const [name, expected] of Object.entries(file.advantages?.out ?? {})) {
    const what = `advantages ${name}`;
    results.push(await attempt(what, async () => ({ loss: advantageError(file, name, expected) })));
  }
  for (const [name, expected] of Object.entries(file.verl_kl ?? {})) {
    results.push(await attempt(`kl ${name}`, () => klError(file.inputs, name, expected)));
  }
  const ofVerl = Object.keys(file.verl ?? {}).length;
  if (ofVerl > 0) {
    const skipped = 'the format does not say with which clip bounds they were made';
    results.push({ name: `verl (${ofVerl} losses)`, skipped });
  }
  return results;
}

async function attempt(
  name: string,
  run: () => Promise<{ loss: number; gradient?: number }>,
): Promise<CaseResult> {
  try {
    return { name, ...(await run()) };
  } catch (error) {
    if (error instanceof Unsupported) return { name, skipped: error.message };
    // Settings that bicot refuses are cases that it does not have.
    if (isBicotError(error)) return { name, skipped: `bicot refuses it: ${error.message}` };
    throw error;
  }
}

/** With the tolerance of 1e-5: an error of 2e-7 of the sizes of its terms is float32's, not the loss's. */
const TERMS = 0.02;

/** Advantages have a spread of about 1; numbers this much smaller are what rounding left of equal rewards. */
const ADVANTAGE = 1e-2;

/** bicot clamps differences of log-probs to ±20 where TRL does not, which is documented and no error. */
function refuseClamped(inputs: ReferenceInputs, { options }: ReferenceCase): void {
  const far = (a: Matrix | undefined, b: Matrix): boolean =>
    (a ?? []).some((row, i) =>
      row.some((value, t) => inputs.mask[i]?.[t] !== 0 && Math.abs(value - (b[i]?.[t] ?? 0)) > MAX_LOG_RATIO),
    );
  if (far(inputs.old, inputs.logp) || (options.beta && far(inputs.ref, inputs.logp))) {
    throw new Unsupported(
      `log-probs differ by more than ${MAX_LOG_RATIO}, to which bicot clamps differences`,
    );
  }
}

/**
 * Max error over max magnitude; NaN where a value is NaN.
 * @param least magnitudes below this count as this
 */
export function relativeError(received: ArrayLike<number>, expected: ArrayLike<number>, least = 0): number {
  if (received.length !== expected.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  let magnitude = least;
  for (let i = 0; i < expected.length; i++) {
    // Math.max, so that NaN shows.
    error = Math.max(error, Math.abs((received[i] as number) - (expected[i] as number)));
    magnitude = Math.max(magnitude, Math.abs(expected[i] as number));
  }
  return magnitude > 0 ? error / magnitude : error;
}

async function lossErrors(
  inputs: ReferenceInputs,
  expected: ReferenceCase,
): Promise<{ loss: number; gradient: number }> {
  const objective = objectiveOf(expected);
  refuseClamped(inputs, expected);
  const input = lossInput(inputs, expected);
  const { entropy = tf.zerosLike(input.logProbs) } = input;
  const { value, grads } = tf.valueAndGrads((logProbs, entropies) =>
    // Added times 0, as a gradient is asked for whether there is a bonus or not.
    tf.add(
      levelLoss(
        { ...input, logProbs: logProbs as tf.Tensor2D, entropy: entropies as tf.Tensor2D },
        objective,
      ),
      tf.mul(0, tf.sum(entropies as tf.Tensor)),
    ),
  )([input.logProbs, entropy]);
  const [ofLogProbs, ofEntropy] = grads as [tf.Tensor, tf.Tensor];
  const exact = expected.loss + lossOfEmptyRows(inputs, expected);
  // A loss is a sum of terms about as large as |weight · advantage|. Where they cancel, float32 leaves some 1e-7 of
  // their sizes, and a relative error of the sum would only tell how well they cancel.
  const weights = (await input.weights.data()) as Float32Array;
  const width = weights.length / inputs.adv.length;
  const terms = weights.reduce((sum, w, i) => sum + w * Math.abs(inputs.adv[Math.floor(i / width)] ?? 0), 0);
  const magnitude = Math.max(Math.abs(exact), Math.abs(expected.loss), TERMS * terms);
  const error = Math.abs(((await value.data())[0] as number) - exact);
  const loss = magnitude > 0 ? error / magnitude : error;
  let gradient = relativeError(await ofLogProbs.data(), expected.grad.flat());
  if (expected.grad_entropy) {
    const own = relativeError(await ofEntropy.data(), expected.grad_entropy.flat());
    gradient = Math.max(gradient, own);
  }
  tf.dispose([value, grads, entropy, ...Object.values(input).filter((tensor) => tensor !== undefined)]);
  if (!(loss <= 1e-5) && isPaddingSlip(inputs, expected)) {
    throw new Unsupported('TRL up to f2cd577 averages padding into LUSPO with a KL penalty; bicot does not');
  }
  return { loss, gradient };
}

/**
 * TRL's GMPO gives a row without tokens the ratio e⁰ = 1 and so a loss of −A/N, without any gradient. bicot's rows
 * without tokens add nothing, so that constant is taken off TRL's loss.
 */
function lossOfEmptyRows({ adv, mask }: ReferenceInputs, { loss_type }: ReferenceCase): number {
  if (loss_type !== 'gmpo') return 0;
  const empty = (row: number): boolean => (mask[row] ?? []).every((value) => value === 0);
  return adv.reduce((sum, advantage, row) => sum + (empty(row) ? advantage / adv.length : 0), 0);
}

/** `[N · T]`: 1 where a token has a policy loss. */
function keptTokens(inputs: ReferenceInputs, options: ReferenceCase['options']): Float32Array {
  const share = (options.top_entropy_quantile as number | undefined) ?? 1;
  const mask = inputs.mask.flat();
  return share < 1 ? topEntropyMask((inputs.entropy ?? []).flat(), mask, share) : Float32Array.from(mask);
}

function lossInput(inputs: ReferenceInputs, { loss_type, options }: ReferenceCase): LevelLossInput {
  const rows = inputs.logp.length;
  const width = inputs.logp[0]?.length ?? 0;
  const shape: [number, number] = [rows, width];
  const matrix = (values: Matrix | readonly number[] | undefined) =>
    values &&
    tf.tensor2d(
      values.map((row) => widened(typeof row === 'number' ? [row] : row, width)),
      shape,
    );
  const mask = inputs.mask.flat();
  const lengths = Int32Array.from(inputs.mask, (row) => row.filter((value) => value !== 0).length);
  const weightsOf = (own: ArrayLike<number>, counts: Int32Array, normalizer: Normalizer) =>
    tf.tensor2d(tokenWeights([{ lengths: counts, width, mask: own, normalizer }])[0] as Float32Array, shape);

  const kept = keptTokens(inputs, options);
  const keptCounts = Int32Array.from({ length: rows }, (_, row) =>
    kept.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value, 0),
  );
  const ratios = options.vllm === 'token' ? inputs.is_ratio_token : inputs.is_ratio;
  if (options.vllm && !ratios) throw new Unsupported('the inputs have no importance ratios');
  if (options.ent && !inputs.entropy) throw new Unsupported('the inputs have no entropy');
  const importance = options.vllm ? matrix(ratios) : undefined;
  const factor = tf.tidy(() => {
    const policy = tf.tensor2d(kept, shape);
    return importance ? tf.mul(policy, importance) : tf.clone(policy);
  }) as tf.Tensor2D;
  importance?.dispose();
  const own = options.sampling === 'old' || !Array.isArray(inputs.sampling);
  return {
    logProbs: matrix(inputs.logp) as tf.Tensor2D,
    oldLogProbs: matrix(inputs.old),
    behaviourLogProbs: matrix(own ? inputs.old : (inputs.sampling as Matrix)),
    referenceLogProbs: matrix(inputs.ref),
    entropy: matrix(inputs.entropy),
    advantages: tf.tensor1d([...inputs.adv]),
    weights: weightsOf(mask, lengths, normalizerOf(loss_type, inputs, rows)),
    policyFactor: factor,
    entropyWeights: weightsOf(kept, keptCounts, 'token-mean'),
  };
}

/** A row of one number for all T tokens. */
const widened = (row: readonly number[], width: number): number[] =>
  row.length === 1 ? new Array<number>(width).fill(row[0] as number) : [...row];

function advantageError(file: ReferenceFile, name: string, expected: readonly number[]): number {
  const { rewards_per_func, weights, G, eps } = file.advantages as NonNullable<ReferenceFile['advantages']>;
  const aggregations: Record<string, RewardAggregation> = {
    sum_then_normalize: 'sum-then-normalize',
    normalize_then_sum: 'normalize-then-sum',
  };
  const [first = '', scale = 'group'] = name.split('/');
  const aggregation = aggregations[first];
  const ownScale = aggregation === 'normalize-then-sum' && scale !== 'group';
  if (aggregation === undefined || ownScale || !['group', 'batch', 'none'].includes(scale)) {
    throw new Unsupported(`bicot has no advantages ${name}`);
  }
  const table = {
    names: weights.map((_, k) => `reward ${k}`),
    values: Float64Array.from(rewards_per_func.flat(), (value) => value ?? Number.NaN),
    rows: rewards_per_func.length,
  };
  const { advantages } = combineRewards(table, {
    weights,
    groupSize: G,
    aggregation,
    scale: scale as AdvantageScale,
    abstention: 'zero',
    ...(eps !== undefined && { epsilon: eps }),
  });
  return relativeError(advantages, expected, ADVANTAGE);
}

const VERL_KINDS: Record<string, KlKind> = {
  kl: 'k1',
  k1: 'k1',
  abs: 'abs',
  mse: 'k2',
  k2: 'k2',
  low_var_kl: 'k3',
  k3: 'k3',
  'k1+': 'k1+',
  'k3+': 'k3+',
  'abs+': 'abs+',
};

async function klError(
  { logp, ref = [] }: ReferenceInputs,
  name: string,
  expected: Matrix,
): Promise<{ loss: number }> {
  const kind = VERL_KINDS[name];
  if (kind === undefined) throw new Unsupported(`bicot has no estimator ${name}`);
  const estimate = tf.tidy(() => {
    const values = kl(kind, tf.tensor2d(logp as number[][]), tf.tensor2d(ref as number[][]));
    // verl bounds the value of this one; bicot, like TRL, does not.
    return kind.startsWith('k3') ? tf.clipByValue(values, -10, 10) : values;
  });
  const loss = relativeError(await estimate.data(), expected.flat());
  estimate.dispose();
  return { loss };
}
