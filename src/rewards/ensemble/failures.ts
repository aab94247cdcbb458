import { BicotError } from '../../errors.js';
import type { RewardResult } from '../reward.js';
import type { Member } from './member.js';

/**
 * What becomes of a sample that a required member failed on, after its retries. `drop-sample`: it has no total and no
 * part in its group. `drop-group`: nor have its group-mates, so that what a judge fails on does not bias what is
 * learned. `stop`: the run ends with an error.
 */
export type FailurePolicy = 'drop-sample' | 'drop-group' | 'stop';

/** A failed reward, for logs. */
export interface RewardFailure {
  /** Its name in the ensemble. */
  readonly member: string;
  /** Index of the sample. */
  readonly sample: number;
  /** What went wrong, as the reward said it. */
  readonly reason: string;
}

/** The failures among results, in the members' order. */
export function listFailures(results: Readonly<Record<string, readonly RewardResult[]>>): RewardFailure[] {
  return Object.entries(results).flatMap(([member, ofMember]) =>
    ofMember.flatMap((result, sample) =>
      result.kind === 'failure' ? [{ member, sample, reason: result.reason }] : [],
    ),
  );
}

/** Which samples can't be counted, and why. */
export interface LeftOut {
  /** Indices, ascending. */
  readonly samples: readonly number[];
  /** By index; group-mates of a failed sample name it. */
  readonly reasons: ReadonlyMap<number, string>;
}

/** How failures are judged. */
export interface FailureSettings {
  readonly onFailure: FailurePolicy;
  readonly quorum: number;
  readonly groupSize: number;
}

/**
 * The samples that are out: a required member failed on them, or so many members that no quorum is left.
 * @throws BicotError `reward` under `stop`, naming members, numbers and the first reason
 */
export function leaveOut<P>(
  trained: readonly Member<P>[],
  failures: readonly RewardFailure[],
  { onFailure, quorum, groupSize }: FailureSettings,
): LeftOut {
  const bySample = new Map<number, RewardFailure[]>();
  for (const failed of failures) {
    if (!trained.some(({ name }) => name === failed.member)) continue;
    bySample.set(failed.sample, [...(bySample.get(failed.sample) ?? []), failed]);
  }
  const required = new Set(trained.filter((member) => member.required).map(({ name }) => name));
  const reasons = new Map<number, string>();
  for (const [sample, ofSample] of bySample) {
    const fatal = ofSample.filter(({ member }) => required.has(member));
    const left = trained.length - ofSample.length;
    if (fatal.length === 0 && left >= quorum) continue;
    const said = (fatal.length > 0 ? fatal : ofSample).map(({ member, reason }) => `${member}: ${reason}`);
    const why = fatal.length > 0 ? '' : ` (${left} members left, the quorum is ${quorum})`;
    reasons.set(sample, said.join('; ') + why);
  }
  if (onFailure === 'stop' && reasons.size > 0) stop(reasons);
  if (onFailure === 'drop-group') dropGroups(reasons, groupSize);
  return { samples: [...reasons.keys()].sort((a, b) => a - b), reasons };
}

function stop(reasons: ReadonlyMap<number, string>): never {
  const [[sample, reason]] = [...reasons] as [[number, string]];
  throw new BicotError(
    'reward',
    `${reasons.size} samples could not be scored; sample ${sample}: ${reason}. The ensemble has onFailure: 'stop'. ` +
      "Mend the cause and go on from the last checkpoint, give the member retries, or use 'drop-sample' or 'drop-group'.",
  );
}

function dropGroups(reasons: Map<number, string>, groupSize: number): void {
  for (const sample of [...reasons.keys()]) {
    const start = sample - (sample % groupSize);
    for (let mate = start; mate < start + groupSize; mate++) {
      if (!reasons.has(mate)) reasons.set(mate, `dropped with its group, as sample ${sample} failed`);
    }
  }
}
