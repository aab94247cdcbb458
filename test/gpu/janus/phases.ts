import type { DecodingSession, TrainOptions } from 'bicot';
import type { JanusContext, JanusModel } from 'bicot/models/janus';
import { type JanusRound, PHASES, type PhaseName } from './protocol.js';

/** Wall time by the parts of a step. */
export interface StepClock {
  /** Begins a step. */
  start(): void;
  /** Ends the part before and begins another. */
  enter(phase: PhaseName | undefined): void;
  /** Ends the step. */
  stop(): JanusRound['seconds'];
}

/** A clock; what belongs to no part counts in the total alone. */
export function stepClock(now: () => number = () => performance.now()): StepClock {
  const seconds = Object.fromEntries(PHASES.map((name) => [name, 0])) as Record<PhaseName, number>;
  let [began, since] = [0, 0];
  let current: PhaseName | undefined;
  const enter = (phase: PhaseName | undefined): void => {
    const time = now();
    if (current) seconds[current] += (time - since) / 1000;
    [since, current] = [time, phase];
  };
  return {
    start() {
      for (const name of PHASES) seconds[name] = 0;
      [began, current] = [now(), undefined];
    },
    enter,
    stop() {
      enter(undefined);
      return { ...seconds, total: (since - began) / 1000 };
    },
  };
}

/** A policy that tells a clock which part of a step it is in, and what tells it of the others. */
export interface TimedPolicy {
  readonly policy: JanusModel;
  readonly clock: StepClock;
  readonly onProgress: NonNullable<TrainOptions<number, JanusContext>['onProgress']>;
}

/**
 * The same model, watched. Tokens are read one by one while they are drawn, log-probs and losses before a part ends, so that
 * no part leaves work of the device to the next.
 */
export function timed(model: JanusModel): TimedPolicy {
  const clock = stepClock();
  const { text, image } = model.spaces;
  const policy: JanusModel = {
    ...model,
    spaces: {
      text,
      image: {
        ...image,
        decode(batch) {
          clock.enter('pixels');
          return (image.decode as NonNullable<typeof image.decode>)(batch);
        },
      },
    },
    startDecoding(contexts, space, options): DecodingSession {
      clock.enter(space === 'image' ? 'image' : 'plan');
      return (model.startDecoding as NonNullable<typeof model.startDecoding>)(contexts, space, options);
    },
  };
  return {
    ...{ policy, clock },
    onProgress({ phase }) {
      if (phase === 'rollout' || phase === 'save') return;
      clock.enter(phase === 'reward' ? undefined : phase);
    },
  };
}
