import type { KernelChoice } from '../../kernels/choice.js';

/** What a case of `checkBackend` is about. */
export type BackendCheckKind =
  | 'op'
  | 'gradient'
  | 'kernel'
  | 'sampler'
  | 'loss'
  | 'decoder'
  | 'vq'
  | 'training step';

/** Arrays of numbers, on the host. */
export type Values = readonly ArrayLike<number>[];

/** Where the other side of a comparison is computed. */
export interface Referee {
  /** Whether the present backend is the reference itself, so that comparing with it says nothing. */
  readonly isReference: boolean;
  /**
   * Computes on TensorFlow.js's plain `cpu` backend with composed kernels, then goes back to the present backend, even if it
   * fails. No tensor may be carried in or out.
   */
  readonly onReference: <Result>(compute: () => Promise<Result>) => Promise<Result>;
}

/** What a case measured. */
export interface Found {
  /** To be compared with the tolerance; usually the largest error over the largest magnitude. */
  readonly error: number;
  /** More about it, in words. */
  readonly detail?: string;
}

/** Why a case measured nothing. */
export interface Skipped {
  readonly skipped: string;
}

/** One thing to examine on the present backend. */
export interface BackendCase {
  /** Unique among the cases. */
  readonly name: string;
  readonly kind: BackendCheckKind;
  /** The largest error that is allowed. */
  readonly tolerance: number;
  /** Which kernels to examine; without, it makes no difference. */
  readonly kernels?: KernelChoice;
  /** The operations of TensorFlow.js that it examines, as they are written after `tf.`. */
  readonly ops?: readonly string[];
  /** A warning and not an error if it is wrong: nothing in bicot relies on it. */
  readonly unused?: boolean;
  /** What to do if it is wrong; there is a general advice for each kind. */
  readonly advice?: string;
  readonly measure: (referee: Referee) => Promise<Found | Skipped>;
}

/** A case that compares with the reference alone says so where the reference is what runs. */
export const IS_REFERENCE: Skipped = {
  skipped: "the plain cpu backend is this case's reference; bicot's own tests compare it with PyTorch",
};
