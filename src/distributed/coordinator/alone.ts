import { BicotError } from '../../errors.js';
import type { JobKind, WorkerInfo } from '../wire/protocol.js';

/** Seconds without a worker before that is said, and between saying it. */
const UNSAID = 2;
const QUIET = 30;

/** What is known while tasks wait. */
export interface WaitingState {
  /** Kinds of jobs that wait and that no worker takes. */
  readonly lacking: readonly JobKind[];
  readonly workers: readonly WorkerInfo[];
  /** Reasons by worker. */
  readonly dropped: ReadonlyMap<string, string>;
}

/**
 * Says so while tasks wait and no worker is there.
 * @param waitForWorkers seconds
 * @returns to be asked again and again; it answers with an error once that is too long
 */
export function aloneness(
  say: (line: string) => void,
  waitForWorkers: number,
): (state: WaitingState) => BicotError | undefined {
  let alone: { readonly since: number; told: number } | undefined;
  return ({ lacking, workers, dropped }) => {
    if (lacking.length === 0) {
      if (alone && alone.told > 0) say('distributed: a worker is there.');
      alone = undefined;
      return undefined;
    }
    const now = performance.now();
    alone ??= { since: now, told: 0 };
    const seconds = (now - alone.since) / 1000;
    if (seconds > UNSAID && now - alone.told > 1000 * QUIET) {
      alone.told = now;
      const refused = workers.find((one) => one.refused)?.refused;
      say(
        `distributed: no worker for ${lacking.join(', ')}: waiting for one (npx bicot worker).${refused ? ` One was refused: ${refused}` : ''}`,
      );
    }
    if (seconds <= waitForWorkers) return undefined;
    const dropouts = [...dropped].map(([id, reason]) => ` ${id} was dropped: ${reason}.`).join('');
    return new BicotError(
      'worker',
      `distributed: no worker for ${lacking.join(', ')} in ${waitForWorkers} s (waitForWorkers).${dropouts} Start one: npx bicot worker --redis URL.`,
    );
  };
}
