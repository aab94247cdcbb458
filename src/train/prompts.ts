import { shuffled, uniformStream } from '../tensor/noise.js';

/** The prompts of one step. */
export interface PromptBatch<P> {
  /** `[B]`. */
  readonly prompts: readonly P[];
  /**
   * `[B]`: distinct; keys of the random streams. The prompt's index in the list; a prompt that a step uses
   * again (only when there are fewer prompts than `B`) has `index + copy · prompts.length`.
   */
  readonly promptIds: readonly number[];
}

/**
 * Which prompts a step uses: shuffled epochs, each from a stream of its own, so that step k is the same
 * whether or not the steps before it were run. No prompt comes twice in a step if there are at least `B`;
 * the `prompts.length mod B` prompts that don't fill a step are left out of that epoch (others each time).
 * With fewer prompts than `B`, all are used and then used again.
 * @param prompts not empty
 * @param promptsPerStep B
 */
export function promptBatch<P>(
  prompts: readonly P[],
  promptsPerStep: number,
  seed: number,
  step: number,
): PromptBatch<P> {
  const stepsPerEpoch = Math.max(1, Math.floor(prompts.length / promptsPerStep));
  const epoch = Math.floor(step / stepsPerEpoch);
  const order = shuffled([...prompts.keys()], uniformStream(seed, 'prompts', epoch));
  const begin = (step % stepsPerEpoch) * promptsPerStep;
  const places = Array.from({ length: promptsPerStep }, (_, i) => begin + i);
  const indices = places.map((place) => order[place % order.length] as number);
  return {
    prompts: indices.map((index) => prompts[index] as P),
    promptIds: indices.map(
      (index, i) => index + Math.floor((places[i] as number) / order.length) * prompts.length,
    ),
  };
}

/**
 * More prompts for the same step: those that it has used least, in an order of their own; a prompt that comes again
 * gets another id, and hence other random numbers.
 * @param prompts not empty
 * @param taken ids of the prompts that the step has used
 */
export function otherPrompts<P>(
  prompts: readonly P[],
  count: number,
  taken: readonly number[],
  seed: number,
  step: number,
): PromptBatch<P> {
  const uses = new Array<number>(prompts.length).fill(0);
  const use = (index: number): number => {
    const before = uses[index] as number;
    uses[index] = before + 1;
    return before;
  };
  for (const id of taken) use(id % prompts.length);
  const order = shuffled([...prompts.keys()], uniformStream(seed, 'resample', step));
  const indices: number[] = [];
  const promptIds: number[] = [];
  while (indices.length < count) {
    const least = uses.reduce((min, value) => Math.min(min, value));
    const index = order.find((each) => uses[each] === least) as number;
    indices.push(index);
    promptIds.push(index + use(index) * prompts.length);
  }
  return { prompts: indices.map((index) => prompts[index] as P), promptIds };
}
