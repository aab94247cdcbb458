import type { Check } from '../../bench/check.js';
import type { StartOptions } from '../../support/start-backend.js';

// An implementation of the step is a program: it is given a problem and how many rounds to make, computes, and prints a line
// of JSON whenever it has something to tell, so that whatever happens next takes nothing back.

/** The parts of a step, in their order. */
export const PHASES = ['plan', 'image', 'pixels', 'reference', 'update'] as const;
/** One of them. */
export type PhaseName = (typeof PHASES)[number];

/** One step. */
export interface JanusRound {
  /** Wall time. */
  readonly seconds: Readonly<Record<PhaseName | 'total', number>>;
  /** Tokens that were drawn. */
  readonly tokens: { readonly plan: number; readonly image: number };
}

/** The most memory that was taken, in bytes, by what it was counted with, e.g. `tensors` or `allocated`. */
export type PeakBytes = Readonly<Record<string, number>>;

/** What a program tells. */
export type JanusEvent =
  | { readonly event: 'hello'; readonly name: string; readonly versions: Readonly<Record<string, string>> }
  /** For people. */
  | { readonly event: 'progress'; readonly text: string }
  /** Weights are there; `parameters` are those that are trained. */
  | { readonly event: 'loaded'; readonly seconds: number; readonly parameters: number }
  | { readonly event: 'check'; readonly check: Check }
  | ({ readonly event: 'round'; readonly peak: PeakBytes } & JanusRound)
  | { readonly event: 'failed'; readonly error: string };

/** What a program is told, as its one argument. */
export interface JanusRequest {
  /** The file of a `JanusProblem`. */
  readonly problem: string;
  /** Steps that are timed; the first one compiles what has to be compiled. */
  readonly rounds: number;
  /** Where to compute: a backend of bicot's, or a device of PyTorch's. */
  readonly device: string;
  /** Samples decoded side by side. */
  readonly rowsAtOnce: number;
  /** How bicot's backend is started. */
  readonly start: StartOptions;
}
