import { isBicotError } from '../../errors.js';
import { evaluateReward } from '../../rewards/ensemble/ensemble.js';
import { error, type Measured, note, ok, warning } from '../check-result.js';
import { describeGap, gapsOf, type Pairs, worstOf } from './compare.js';
import { deepCopy, firstDifference } from './deep-compare.js';
import { copySample, evaluate, firstOf, type RewardSubject } from './subject.js';

/** How far the same call may be from itself, over the largest score. */
const NOISE_TOLERANCE = 1e-6;
/** How much a score may depend on what else is in the batch, over the largest score. */
const INVARIANCE_TOLERANCE = 1e-4;

/** One result per sample, each a finite score, an abstention or a failure. */
export async function checkResults<P>(subject: RewardSubject<P>): Promise<Measured> {
  const { samples, memory } = subject;
  const given = samples.map(copySample);
  memory.given = { samples: given, before: deepCopy(given) };
  try {
    // Not through evaluate(), which would hand on copies: these are looked at afterwards.
    memory.first = await evaluateReward(subject.reward, given);
  } catch (thrown) {
    if (isBicotError(thrown)) return error(thrown.message);
    throw thrown;
  }
  const results = Object.values(memory.first.results).flat();
  const count = (kind: string) => results.filter((result) => result.kind === kind).length;
  return ok(`${count('score')} scores, ${count('abstain')} abstentions, ${count('failure')} failures`);
}

/** The samples are what they were. */
export function checkUnchanged<P>({ memory: { given } }: RewardSubject<P>): Measured {
  const path = firstDifference(given?.samples, given?.before);
  return path === undefined ? ok('samples are as they were') : error(`the reward changed samples${path}`);
}

/** The same samples get the same scores; by how much not is remembered for the checks after this one. */
export async function checkDeterminism<P>(subject: RewardSubject<P>): Promise<Measured> {
  const { samples, memory } = subject;
  const { results } = firstOf(subject);
  const again = await evaluate(subject, samples);
  const gaps = gapsOf(results, again.results, identity(samples.length), NOISE_TOLERANCE);
  // A difference of two calls has twice the variance of one.
  memory.noise = new Map(
    gaps.map(({ member, gap, typical }) => [member, { worst: gap, std: typical / Math.SQRT2 }]),
  );
  memory.flaky = gaps.some(({ changed }) => changed > 0);
  const worst = worstOf(gaps);
  if (worst === undefined) return ok('two identical calls give the same scores');
  return warning(`two identical calls: ${describeGap(worst)}`);
}

/** A sample's score does not depend on its place in the batch. */
export async function checkOrder<P>(subject: RewardSubject<P>): Promise<Measured> {
  const { samples } = subject;
  const last = samples.length - 1;
  const pairs = identity(samples.length).map(([i]) => [i, last - i] as const);
  const found = await differs(subject, [...samples].reverse(), pairs);
  return found === undefined
    ? ok('samples in reverse get the same scores')
    : error(`samples in reverse: ${found}`);
}

/** A sample's score does not depend on other groups. */
export async function checkOtherGroups<P>(subject: RewardSubject<P>): Promise<Measured> {
  const { samples, groupSize } = subject;
  if (samples.length === groupSize) return note('not measured: there is one group only');
  for (const start of [0, samples.length - groupSize]) {
    const pairs = identity(groupSize).map(([i]) => [start + i, i] as const);
    const found = await differs(subject, samples.slice(start, start + groupSize), pairs);
    if (found !== undefined) return error(`group ${samples[start]?.group} alone: ${found}`);
  }
  return ok('a group alone gets the same scores');
}

/**
 * Whether a sample's score depends on the others of its group. That is allowed, as advantages are relative to the
 * group anyway, so a reward may compare the samples of a group on purpose.
 */
export async function checkGroupMates<P>(subject: RewardSubject<P>): Promise<Measured> {
  const { samples, groupSize } = subject;
  if (groupSize === 1) return note('not measured: groups have one sample only');
  const dependent = (how: string) =>
    note(`${how}: right only if it compares the samples of a group on purpose`);
  for (const [i, sample] of samples.slice(0, groupSize).entries()) {
    try {
      const found = await differs(subject, [sample], [[i, 0]]);
      if (found !== undefined) return dependent(`a sample alone: ${found}`);
    } catch (thrown) {
      return dependent(
        `a sample alone cannot be scored (${thrown instanceof Error ? thrown.message : thrown})`,
      );
    }
  }
  return ok('a sample alone gets the same score');
}

/** Evaluates other samples; how what it says of them differs from the first evaluation, if it does. */
async function differs<P>(
  subject: RewardSubject<P>,
  samples: RewardSubject<P>['samples'],
  pairs: Pairs,
): Promise<string | undefined> {
  const { noise, flaky } = subject.memory;
  const { results } = await evaluate(subject, samples);
  const gaps = gapsOf(firstOf(subject).results, results, pairs, INVARIANCE_TOLERANCE, noise);
  const worst = worstOf(gaps, !flaky);
  return worst && describeGap(worst);
}

const identity = (count: number): (readonly [number, number])[] =>
  Array.from({ length: count }, (_, i) => [i, i] as const);
