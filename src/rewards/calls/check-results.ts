import { BicotError } from '../../errors.js';
import type { RewardResult } from '../reward.js';

/** What a reward returned breaks its contract. In words it follows the reward's name. */
export class BrokenContract extends BicotError {
  /** Without a subject. */
  readonly words: string;

  constructor(words: string) {
    super('reward', `a reward ${words}`);
    this.words = words;
  }
}

/**
 * Throws unless there is one valid result per sample.
 * @throws BicotError `reward`
 */
export function checkResults(results: readonly RewardResult[], expected: number): void {
  if (!Array.isArray(results) || results.length !== expected) {
    const got = Array.isArray(results) ? `${results.length} results` : String(results);
    throw new BrokenContract(
      `returned ${got} for ${expected} samples; expected one result per sample, in order. ` +
        'Use abstain() where the reward does not apply and failure() where it could not score.',
    );
  }
  results.forEach((result: RewardResult | undefined, sample) => {
    if (result?.kind === 'abstain' || result?.kind === 'failure') return;
    if (result?.kind === 'score' && Number.isFinite(result.value)) return;
    const got = result?.kind === 'score' ? `the score ${result.value}` : String(result);
    throw new BrokenContract(
      `returned ${got} for sample ${sample}; expected score(value) with a finite value, ` +
        'abstain() or failure(). Return failure(reason) when the value could not be computed.',
    );
  });
}
