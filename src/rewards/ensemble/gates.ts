import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import { abstain, type RewardResult } from '../reward.js';
import type { Member, RewardGate } from './member.js';

/**
 * Throws unless every gate can be decided: by a trained member, and not in a circle.
 * @throws BicotError `reward`
 */
export function checkGates<P>(members: readonly Member<P>[]): void {
  const byName = new Map(members.map((member) => [member.name, member]));
  for (const { name, gate } of members) {
    if (gate) checkGate(name, gate, byName);
  }
  for (const { name } of members) {
    const way = [name];
    for (let next = byName.get(name)?.gate?.by; next !== undefined; next = byName.get(next)?.gate?.by) {
      if (way.includes(next)) {
        throw new BicotError(
          'reward',
          `the gates ${[...way, next].map((one) => `"${one}"`).join(' → ')} wait for each other; drop one of them.`,
        );
      }
      way.push(next);
    }
  }
}

function checkGate<P>(name: string, gate: RewardGate, members: ReadonlyMap<string, Member<P>>): void {
  assertKnownOptions(`rewardEnsemble: gate of "${name}"`, gate, ['by', 'atLeast', 'otherwise']);
  const { by, atLeast, otherwise } = gate;
  const trained = [...members.values()].filter(({ monitor }) => !monitor).map((member) => member.name);
  if (!trained.includes(by)) {
    throw new BicotError(
      'reward',
      `the gate of "${name}" is decided by ${JSON.stringify(by)}, which is no trained member; expected one of ${trained.map((one) => `"${one}"`).join(', ')}.`,
    );
  }
  if (!Number.isFinite(atLeast)) {
    throw new BicotError(
      'reward',
      `the gate of "${name}" opens at ${atLeast}; expected a finite number, the least score of "${by}".`,
    );
  }
  if (otherwise !== 'abstain' && !Number.isFinite(otherwise)) {
    throw new BicotError(
      'reward',
      `the gate of "${name}" has otherwise: ${JSON.stringify(otherwise)}; expected 'abstain' or a finite number that counts while it is closed.`,
    );
  }
}

/** What a gate lets pass. */
export interface Gated {
  /** Samples that the member is asked about. */
  readonly open: readonly number[];
  /** `[N]`: what is said of the others; absent for the open ones. */
  readonly closed: readonly (RewardResult | undefined)[];
  /** Samples below the gate, which count as `otherwise`. */
  readonly below: readonly number[];
}

/** @param decided what the deciding member said about every sample */
export function passGate({ by, atLeast }: RewardGate, decided: readonly RewardResult[]): Gated {
  const below: number[] = [];
  const closed = decided.map((result, i): RewardResult | undefined => {
    if (result.kind !== 'score') {
      return abstain(`not asked: "${by}" ${result.kind === 'failure' ? 'failed' : 'abstained'}`);
    }
    if (result.value >= atLeast) return undefined;
    below.push(i);
    return abstain(`not asked: "${by}" is ${result.value}, below ${atLeast}`);
  });
  return { open: [...closed.keys()].filter((i) => !closed[i]), closed, below };
}
