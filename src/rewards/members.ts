import { BicotError, isBicotError } from '../errors.js';
import type { RewardTable } from '../objective/combine.js';
import { failure, type RewardFunction, type RewardResult, type Sample } from './reward.js';

/** What one member said about every sample, and how long it took. */
export interface MemberReport {
  readonly results: readonly RewardResult[];
  /** Wall time; members run concurrently, so these do not add up. */
  readonly seconds: number;
}

/** A failed reward, for logs. */
export interface RewardFailure {
  readonly member: string;
  /** Index of the sample. */
  readonly sample: number;
  readonly reason: string;
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What a mistake in a reward's own code throws. By name, as an error of another realm is of another class. */
const PROGRAMMING_ERRORS = ['TypeError', 'ReferenceError', 'RangeError'];

/** fetch calls a network that is down a TypeError; the words are those of Node, Chrome, Firefox and Safari. */
const NETWORK_DOWN = /^(fetch failed|terminated|Failed to fetch|network error|NetworkError|Load failed)/i;

/**
 * A bug, or a broken promise of the reward contract, is to be shown before a whole run is wasted on it; a network
 * that is down is a failure to be counted.
 * @returns the error to throw, naming the member; nothing for a failure
 */
function bugOf(name: string, error: unknown): BicotError | undefined {
  if (isBicotError(error)) {
    return new BicotError(error.code, `reward "${name}": ${error.message}`, { cause: error });
  }
  if (!(error instanceof Error) || !PROGRAMMING_ERRORS.includes(error.name)) return undefined;
  if (error.name === 'TypeError' && NETWORK_DOWN.test(error.message)) return undefined;
  return new BicotError(
    'reward',
    `reward "${name}" threw ${error.name}: ${error.message}. That is a mistake in the reward's code: correct it ` +
      '(the cause has the stack), or catch the error and return failure(reason) for the samples it concerns.',
    { cause: error },
  );
}

function checkResults(results: readonly RewardResult[], name: string, expected: number): void {
  if (!Array.isArray(results) || results.length !== expected) {
    const got = Array.isArray(results) ? `${results.length} results` : String(results);
    throw new BicotError(
      'reward',
      `reward "${name}" returned ${got} for ${expected} samples; expected one result per sample, in order. ` +
        'Use abstain() where the reward does not apply and failure() where it could not score.',
    );
  }
  results.forEach((result: RewardResult | undefined, sample) => {
    if (result?.kind === 'abstain' || result?.kind === 'failure') return;
    if (result?.kind === 'score' && Number.isFinite(result.value)) return;
    const got = result?.kind === 'score' ? `the score ${result.value}` : String(result);
    throw new BicotError(
      'reward',
      `reward "${name}" returned ${got} for sample ${sample}; expected score(value) with a finite value, ` +
        'abstain() or failure(). Return failure(reason) when the value could not be computed.',
    );
  });
}

/**
 * Calls one reward. If it throws what is no bug, all its samples are failures with the error's message.
 * @throws BicotError naming the member, with the cause: whatever `BicotError` it throws, with the same code (so
 *   nested ensembles pass theirs on); `reward` for a TypeError, ReferenceError or RangeError, except those by which
 *   fetch reports a network that is down; `reward` for a wrong number of results, a non-finite score or something
 *   that is no result
 */
export async function runMember<P>(
  name: string,
  reward: RewardFunction<P>,
  samples: readonly Sample<P>[],
): Promise<MemberReport> {
  const start = performance.now();
  let results: readonly RewardResult[];
  try {
    results = await reward(samples);
  } catch (error) {
    const bug = bugOf(name, error);
    if (bug) throw bug;
    results = samples.map(() => failure(reasonOf(error)));
  }
  checkResults(results, name, samples.length);
  return { results, seconds: (performance.now() - start) / 1000 };
}

/** The failures among results, in the members' order. */
export function listFailures(results: Readonly<Record<string, readonly RewardResult[]>>): RewardFailure[] {
  return Object.entries(results).flatMap(([member, ofMember]) =>
    ofMember.flatMap((result, sample) =>
      result.kind === 'failure' ? [{ member, sample, reason: result.reason }] : [],
    ),
  );
}

/** `[N, K]`: the scores of some members; NaN where a member abstained or failed. */
export function tableOf(
  names: readonly string[],
  results: Readonly<Record<string, readonly RewardResult[]>>,
  rows: number,
): RewardTable {
  const values = new Float64Array(rows * names.length).fill(Number.NaN);
  names.forEach((name, k) => {
    results[name]?.forEach((result, i) => {
      if (result.kind === 'score') values[i * names.length + k] = result.value;
    });
  });
  return { names, values, rows };
}
