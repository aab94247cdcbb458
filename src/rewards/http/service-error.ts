/** What is known about a failed exchange with a reward service. */
export interface RewardServiceErrorDetails {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status, if there was an answer. */
  readonly status?: number;
  /** How long the service asks to wait (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number;
}

/**
 * A reward service did not answer, or not as it should. It is no `BicotError`, since nothing is wrong with the program: in an
 * ensemble it makes failures of the samples. Compare `error.name`, not `instanceof`: the ESM and CJS builds each have
 * their own class.
 *
 * Neither its message nor its fields have credentials, query strings or headers, and it has no `cause`, which might.
 */
export class RewardServiceError extends Error implements RewardServiceErrorDetails {
  /** What to tell it by, whichever build it comes from. */
  override readonly name = 'RewardServiceError';
  /** Whether the same request may succeed later: true for what a network or a busy service does, false for refusals. */
  readonly retryable: boolean;
  /** The HTTP status, if there was an answer. */
  readonly status?: number;
  /** How long the service asks to wait (`Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number;

  /**
   * An error to throw.
   * @param message which service, what happened, what to do
   */
  constructor(message: string, { retryable, status, retryAfterMs }: RewardServiceErrorDetails) {
    super(message);
    this.retryable = retryable;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** True for a `RewardServiceError` of either build. */
export function isRewardServiceError(error: unknown): error is RewardServiceError {
  return error instanceof Error && error.name === 'RewardServiceError';
}
