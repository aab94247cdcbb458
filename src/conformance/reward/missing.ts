import { isBicotError } from '../../errors.js';
import type { RewardResult, Sample } from '../../rewards/reward.js';
import { error, type Measured, note, ok, warning } from '../finding.js';
import { named, short } from './compare.js';
import { evaluate, firstOf, type Opinions, type RewardSubject } from './subject.js';

const PARTS = ['image', 'plan'] as const;
type Part = (typeof PARTS)[number];

/** How much a score must move without a part to count as moved, over the largest score. */
const MOVED = 1e-3;

/**
 * Rollouts without a plan or without pictures exist, and so do spaces without `decode`: the reward scores, abstains
 * or fails then, or refuses with an error that says so.
 */
export async function checkMissingParts<P>(subject: RewardSubject<P>): Promise<Measured> {
  const { samples, groupSize } = subject;
  const group = samples.slice(0, groupSize);
  const present = PARTS.filter((part) => group.some((sample) => sample[part] !== undefined));
  if (present.length === 0) return note('not measured: these samples have neither image nor plan');
  const tries: (readonly Part[])[] = present.map((part) => [part]);
  if (present.length > 1) tries.push(present);
  const told: string[] = [];
  for (const parts of tries) {
    const where = `without ${parts.map((part) => (part === 'image' ? 'an image' : 'a plan')).join(' and ')}`;
    let results: Opinions;
    try {
      ({ results } = await evaluate(
        subject,
        group.map((sample) => without(sample, parts)),
      ));
    } catch (thrown) {
      if (!isBicotError(thrown)) throw thrown;
      // A BicotError of the reward's own is on purpose; anything else that ends a run is a bug.
      if (!isBicotError(thrown.cause)) return error(`${where}: ${thrown.message}`);
      told.push(`${where} it refuses: ${thrown.message}`);
      continue;
    }
    const moved = parts.length === 1 ? movedScore(subject, results) : undefined;
    if (moved === undefined) continue;
    const detail = `${where} ${moved}`;
    // A plan may earn something extra; a picture that is missing cannot be judged.
    if (parts.includes('image')) return warning(detail);
    told.push(detail);
  }
  const tried = tries.map((parts) => parts.join(' and ')).join(', ');
  return told.length > 0 ? note(told.join('; ')) : ok(`copes without ${tried}`);
}

function without<P>(sample: Sample<P>, parts: readonly Part[]): Sample<P> {
  const { image, plan, ...rest } = sample;
  return {
    ...rest,
    ...(image !== undefined && !parts.includes('image') && { image }),
    ...(plan !== undefined && !parts.includes('plan') && { plan }),
  };
}

/** The first score that is another without the part: the part mattered, and its absence is scored all the same. */
function movedScore<P>(subject: RewardSubject<P>, stripped: Opinions): string | undefined {
  const full = firstOf(subject).results;
  const value = (result: RewardResult | undefined) => (result?.kind === 'score' ? result.value : undefined);
  for (const [member, results] of Object.entries(stripped)) {
    const largest = Math.max(...(full[member] ?? []).map((result) => Math.abs(value(result) ?? 0)));
    const least = MOVED * largest + 3 * (subject.memory.noise.get(member)?.worst ?? 0);
    for (const [i, result] of results.entries()) {
      const [was, is] = [value(full[member]?.[i]), value(result)];
      if (was !== undefined && is !== undefined && Math.abs(was - is) > least) {
        return `${named(member)}scores ${short(is)} where it scores ${short(was)} with it`;
      }
    }
  }
  return undefined;
}
