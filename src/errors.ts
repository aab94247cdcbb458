/**
 * Errors a user can act on. Every message says what was wrong, what was expected and what to do;
 * `code` is stable and meant for programs.
 */

/** What kind of mistake an error reports; stable across versions. */
export type BicotErrorCode =
  | 'shape'
  | 'value'
  | 'token-range'
  | 'group-size'
  | 'empty-prompts'
  | 'prompt-row'
  | 'reward'
  | 'backend'
  | 'safetensors'
  | 'checkpoint'
  | 'file'
  | 'unsupported'
  | 'aborted'
  | 'worker'
  | 'non-finite';

/** The one error class of the library. Compare `error.name` or `error.code`, not `instanceof`: the ESM and CJS builds each have their own class. */
export class BicotError extends Error {
  /** What to tell it by, whichever build it comes from. */
  override readonly name = 'BicotError';
  /** What kind of mistake this is. */
  readonly code: BicotErrorCode;

  /**
   * An error to throw.
   * @param code what kind of mistake this is
   * @param message what was wrong, what was expected, what to do
   * @param options `cause`: the error underneath, if any
   */
  constructor(code: BicotErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** True for a `BicotError` of either build, optionally of one code. */
export function isBicotError(error: unknown, code?: BicotErrorCode): error is BicotError {
  return (
    error instanceof Error &&
    error.name === 'BicotError' &&
    (code === undefined || (error as BicotError).code === code)
  );
}

/** What an error says, or whatever else was thrown, as text. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The first line of that. */
export function firstLineOf(error: unknown): string {
  return reasonOf(error).split('\n')[0] as string;
}
