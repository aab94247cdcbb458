import type { LossObjective } from '../objective/loss.js';
import { type HostNumbers, pickHostRows } from '../tensor/host-rows.js';
import { selectRows } from './groups.js';
import type { LevelRollout } from './types.js';

/** Rows of a level with all that their part of the loss needs, on the host. R rows, N samples, `R · samplesPerRow = N`. */
export interface LevelTerms<C> {
  /** What was sampled, R rows of it. */
  readonly level: LevelRollout<C>;
  /** How the terms are made, with the coefficients' present values. */
  readonly loss: LossObjective;
  /** `[N]`. */
  readonly advantages: Float32Array;
  /** `[N · T]`: of the whole batch, so that micro-batches add up to it exactly. */
  readonly weights: Float32Array;
  /** `[N · T]`: which tokens have a policy loss; absent if all have. */
  readonly policyFactor?: Float32Array;
  /** `[N · T]`: of the KL penalty, where they are not `weights`. */
  readonly klWeights?: Float32Array;
  /** `[N · T]`: of the entropy bonus; absent without one. */
  readonly entropyWeights?: Float32Array;
  /** `[R · T]`: of the policy that sampled; absent where the policy's own at the first update stand for them. */
  readonly oldLogProbs?: Float32Array;
  /** `[R · T]`: of the reference; absent without a KL penalty. */
  readonly referenceLogProbs?: Float32Array;
}

/** The terms of some rows, in the order given, cut to `width` columns: at least the longest of the rows. */
export function selectTerms<C>(terms: LevelTerms<C>, rows: readonly number[], width: number): LevelTerms<C> {
  const { level, loss, advantages, weights } = terms;
  const { completion, samplesPerRow } = level;
  const samples = rows.flatMap((row) =>
    Array.from({ length: samplesPerRow }, (_, i) => row * samplesPerRow + i),
  );
  const cut = <A extends HostNumbers>(values: A, from: readonly number[]): A =>
    pickHostRows(values, completion.width, from, width);
  const optional = (name: keyof LevelTerms<C>, from: readonly number[]) => {
    const values = terms[name] as Float32Array | undefined;
    return values && { [name]: cut(values, from) };
  };
  return {
    level: selectRows(level, rows, width),
    loss,
    advantages: pickHostRows(advantages, 1, samples),
    weights: cut(weights, samples),
    ...optional('policyFactor', samples),
    ...optional('klWeights', samples),
    ...optional('entropyWeights', samples),
    ...optional('oldLogProbs', rows),
    ...optional('referenceLogProbs', rows),
  };
}
