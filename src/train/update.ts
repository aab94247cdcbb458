import { BicotError } from '../errors.js';
import { loadKernels } from '../kernels/choice.js';
import type { Executor } from '../parallel/executor.js';
import type { Policy } from '../policy/policy.js';
import { scatterHostRows } from '../tensor/host-rows.js';
import { type ApplyOptions, applyGradients } from './apply.js';
import { type GradientAccumulator, globalNorm, gradientAccumulator } from './gradients.js';
import { assertFiniteNumber, assertNoNaN, throwIfAborted } from './guards.js';
import type { LevelBatch } from './levels.js';
import type { LevelPass } from './pass.js';
import { type LevelPlan, runPasses } from './passes.js';
import { planPasses } from './plan.js';

/** How one update is made. */
export interface UpdateOptions<C = unknown> extends ApplyOptions {
  /** Samples per backward pass. The gradient does not depend on it (up to the order of sums), memory does. */
  readonly microBatch: number;
  /** The most that `|ratio − 1|` may be before the update. Default: any. */
  readonly ratioTolerance?: number;
  /** Workers of the policy, which then compute the gradients, if these are a task of theirs. Default: this thread does. */
  readonly pool?: Executor<C>;
  /** Ends the update with an error of code `aborted`, the weights unchanged. */
  readonly signal?: AbortSignal;
  /** Called after each backward pass. */
  readonly onProgress?: (progress: UpdateProgress) => void;
}

type Settings<C> = UpdateOptions<C> & Required<Pick<UpdateOptions, 'where'>>;

/** How far an update has come. */
export interface UpdateProgress {
  /** The one whose gradient is being added up. */
  readonly level: string;
  /** Samples of the level that are done. */
  readonly samples: number;
  /** N. */
  readonly total: number;
}

/** What an update did. */
export interface UpdateResult {
  /** Of the weights before the update. 0 if nothing was trained. */
  readonly loss: number;
  /** Before clipping. 0 if nothing was trained. */
  readonly gradNorm: number;
  /** Of each trained level's own gradient, before clipping. */
  readonly gradNorms: Readonly<Record<string, number>>;
  /** `[R · T]` per level, before the update; absent for levels of another policy. */
  readonly logProbs: Readonly<Record<string, Float32Array>>;
}

/**
 * One optimiser step on a rollout. The loss is a sum over tokens whose weights are known before any backward
 * pass, so gradients are added up micro-batch by micro-batch and level by level, and equal those of the whole
 * batch, at the memory of one micro-batch. Rows of like length are computed together. Levels that are not trained, and
 * rows without any weight in the loss, are only scored, for the metrics; if no level is trained, no weight changes and
 * the optimiser is not called.
 * @throws BicotError `non-finite`, `aborted` or `value` (`ratioTolerance`), with the weights unchanged
 */
export async function updatePolicy<C>(
  policy: Policy<C>,
  levels: readonly LevelBatch<C>[],
  updateOptions: UpdateOptions<C>,
): Promise<UpdateResult> {
  await loadKernels();
  const options: Settings<C> = { ...updateOptions, where: updateOptions.where ?? 'updatePolicy' };
  const plans = levels.map((batch) => ({ batch, passes: planPasses(batch, options.microBatch) }));
  const sum = gradientAccumulator();
  const own = gradientAccumulator();
  const logProbs: Record<string, Float32Array> = {};
  const gradNorms: Record<string, number> = {};
  let loss = 0;
  let gradNorm = 0;
  const results = runPasses(policy, plans, options);
  try {
    for (const plan of plans) {
      if (plan.passes.length === 0) continue;
      const { name } = plan.batch.level;
      const level = await collectLevel(plan, results, own, options);
      logProbs[name] = level.logProbs;
      if (!plan.batch.trained) continue;
      gradNorms[name] = await globalNorm(own.total());
      sum.add(own.take());
      loss += level.loss;
    }
    throwIfAborted(options.where, options.signal);
    assertOnPolicy(levels, logProbs, options);
    if (levels.some(({ trained }) => trained)) {
      gradNorm = await applyGradients(policy.variables, sum.total(), options);
    }
  } finally {
    await results.return();
    own.dispose();
    sum.dispose();
  }
  return { loss, gradNorm, gradNorms, logProbs };
}

/** Takes one level's passes from the results and adds their gradients to the sum. */
async function collectLevel<C>(
  { batch, passes }: LevelPlan<C>,
  results: AsyncGenerator<LevelPass, void, undefined>,
  sum: GradientAccumulator,
  options: Settings<C>,
): Promise<{ loss: number; logProbs: Float32Array }> {
  const { completion, samplesPerRow, name } = batch.level;
  const logProbs = new Float32Array(completion.rows * completion.width);
  let loss = 0;
  let rowsDone = 0;
  for (const { rows, width } of passes) {
    const pass = (await results.next()).value as LevelPass;
    sum.add(pass.gradients);
    assertNoNaN(options.where, 'the policy', name, pass.logProbs);
    assertFiniteNumber(options.where, `the loss of level '${name}'`, pass.loss);
    scatterHostRows(logProbs, completion.width, rows, pass.logProbs, width);
    loss += pass.loss;
    rowsDone += rows.length;
    if (!batch.trained) continue;
    const samples = rowsDone * samplesPerRow;
    options.onProgress?.({ level: name, samples, total: completion.rows * samplesPerRow });
  }
  return { loss, logProbs };
}

/**
 * What was sampled is what is trained.
 * @throws BicotError `value` naming the level
 */
function assertOnPolicy<C>(
  levels: readonly LevelBatch<C>[],
  logProbs: UpdateResult['logProbs'],
  { where, ratioTolerance = Number.POSITIVE_INFINITY }: Settings<C>,
): void {
  for (const { level, oldLogProbs } of levels) {
    const own = logProbs[level.name];
    if (!own || !oldLogProbs) continue;
    const deviation = own.reduce(
      (most, value, i) => Math.max(most, Math.abs(Math.exp(value - (oldLogProbs[i] as number)) - 1)),
      0,
    );
    if (deviation > ratioTolerance) {
      throw new BicotError(
        'value',
        `${where}: at level '${level.name}' the policy's probabilities differ from those it was sampled with by up to a factor of 1 ± ${deviation.toPrecision(3)} before any update (tolerance ${ratioTolerance}). The decoding session and logits() of the policy disagree: run checkPolicy on it. If an older policy made the rollout on purpose, set ratioTolerance to Infinity.`,
      );
    }
  }
}
