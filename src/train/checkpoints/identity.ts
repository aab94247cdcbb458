import type { NamedVariables } from '../../policy/policy.js';
import { digestOf } from '../../sha256.js';
import type { TrainSettings } from '../options.js';
import { Mismatch } from './mismatch.js';

/** What a run is made of: with anything else, going on would not be the same run. */
export interface RunIdentity {
  readonly seed: number;
  readonly groupSize: number;
  readonly promptsPerStep: number;
  readonly updatesPerRollout: number;
  /** The objective's name. */
  readonly objective: string;
  /** SHA-256 of the prompts. */
  readonly prompts: string;
  /** SHA-256 of the weights that the run began with, from which the KL penalty is measured. */
  readonly start: string;
}

/** @param settings of a run whose policy still has the weights that it begins with */
export async function runIdentity<P, C>(settings: TrainSettings<P, C>): Promise<RunIdentity> {
  const { seed, groupSize, promptsPerStep, updatesPerRollout, objective, prompts, policy } = settings;
  return {
    ...{ seed, groupSize, promptsPerStep, updatesPerRollout, objective: objective.name },
    prompts: await digestOf(prompts),
    start: await digestOf(await weightDigests(policy.variables)),
  };
}

/** One at a time: weights may be large. */
async function weightDigests(variables: NamedVariables): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const [name, variable] of Object.entries(variables)) {
    digests[name] = await digestOf({ shape: variable.shape, data: await variable.data() });
  }
  return digests;
}

const WORDS: Readonly<Record<keyof RunIdentity, string>> = {
  seed: 'seed',
  groupSize: 'groupSize',
  promptsPerStep: 'promptsPerStep',
  updatesPerRollout: 'updatesPerRollout',
  objective: 'objective',
  prompts: 'prompts (as a checksum)',
  start: 'weights before the first step (as a checksum)',
};

/**
 * Throws unless the run that was saved is the run that wants to go on.
 * @throws Mismatch naming what differs
 */
export function assertSameRun(path: string, saved: RunIdentity, now: RunIdentity): void {
  const short = (value: unknown): string => String(value).slice(0, 12);
  const differences = (Object.keys(WORDS) as (keyof RunIdentity)[])
    .filter((key) => saved[key] !== now[key])
    .map((key) => `${WORDS[key]} ${short(saved[key])} there, ${short(now[key])} here`);
  if (differences.length === 0) return;
  throw new Mismatch(
    `${path} is of another run: ${differences.join('; ')}. Pass what the run was begun with (the policy with its first weights too), ` +
      'or a folder of its own for another run; allowChanges: true in the checkpoint options goes on all the same.',
  );
}
