import { BicotError } from '../../errors.js';
import type { Policy, TokenSpace } from '../../policy/policy.js';
import { tokenSpaceOf } from '../../policy/spaces.js';
import { assertTokenRange, type TokenBatch, tokenBatch } from '../../policy/tokens.js';
import { uniformInteger, uniformStream } from '../../tensor/noise.js';

/** What to check a policy with. */
export interface CheckPolicyOptions<Context> {
  /**
   * At least 2, different from each other; by space where the spaces' contexts differ (a plan is written from
   * another template than a picture is drawn from).
   */
  readonly contexts: readonly Context[] | Readonly<Record<string, readonly Context[]>>;
  /** A key of `policy.spaces`. Default: every space. */
  readonly space?: string;
  /** `[N, T]`, best with rows of different lengths; needs `space` if the policy has several. Default: random tokens. */
  readonly completion?: TokenBatch;
}

/** A policy, one of its spaces, and what to try it on. */
export interface Subject<Context> {
  readonly policy: Policy<Context>;
  readonly contexts: readonly Context[];
  readonly completion: TokenBatch;
  readonly space: string;
  readonly tokens: TokenSpace;
  /** V. */
  readonly size: number;
}

/** Tokens of a random completion, where nothing limits them. */
const DEFAULT_WIDTH = 6;

/**
 * What to check, one subject per space.
 * @throws BicotError `shape`, `value` or `token-range` if the options can't be used
 */
export function subjectsOf<Context>(
  policy: Policy<Context>,
  options: CheckPolicyOptions<Context>,
): Subject<Context>[] {
  const spaces = options.space === undefined ? Object.keys(policy.spaces) : [options.space];
  if (options.completion !== undefined && spaces.length > 1) {
    throw new BicotError(
      'value',
      `checkPolicy: one completion for the spaces ${spaces.join(', ')}. Name the space it belongs to, or leave it out.`,
    );
  }
  return spaces.map((space) => {
    const tokens = tokenSpaceOf(policy, space);
    const contexts = contextsOf(options.contexts, space);
    const completion = options.completion ?? randomCompletion(contexts.length, tokens);
    assertSubject(contexts, completion, space, tokens);
    return { policy, contexts, completion, space, tokens, size: tokens.size };
  });
}

function contextsOf<Context>(
  contexts: CheckPolicyOptions<Context>['contexts'],
  space: string,
): readonly Context[] {
  if (Array.isArray(contexts)) return contexts;
  const bySpace = contexts as Readonly<Record<string, readonly Context[]>>;
  const found = Object.hasOwn(bySpace, space) ? bySpace[space] : undefined;
  if (found === undefined) {
    throw new BicotError(
      'value',
      `checkPolicy: no contexts for space '${space}', only for ${Object.keys(bySpace).join(', ') || 'none'}. Add contexts['${space}'], or name one space to check.`,
    );
  }
  return found;
}

function assertSubject(
  contexts: readonly unknown[],
  completion: TokenBatch,
  space: string,
  tokens: TokenSpace,
): void {
  const rows = contexts.length;
  if (rows < 2) {
    throw new BicotError('shape', `checkPolicy: ${rows} contexts, but comparing rows takes at least 2.`);
  }
  if (completion.rows !== rows) {
    throw new BicotError(
      'shape',
      `checkPolicy: ${rows} contexts but ${completion.rows} completions; give one completion per context.`,
    );
  }
  if (completion.width === 0) {
    throw new BicotError('shape', 'checkPolicy: the completions are empty; give each at least one token.');
  }
  if (tokens.kind === 'image' && tokens.length >= 1 && completion.width > tokens.length) {
    throw new BicotError(
      'shape',
      `checkPolicy: completions of ${completion.width} tokens, but an image of space '${space}' has ${tokens.length}. Shorten them.`,
    );
  }
  if (usable(tokens)) assertTokenRange(completion, tokens.size, `checkPolicy: space '${space}'`);
}

/** Whether tokens of this space can be made up at all; if not, a check of its own says so. */
const usable = ({ size }: TokenSpace): boolean => Number.isInteger(size) && size > 0;

/** Rows of different lengths, so that padding is exercised. */
function randomCompletion(rows: number, tokens: TokenSpace): TokenBatch {
  const size = usable(tokens) ? tokens.size : 1;
  const longest = tokens.kind === 'image' && tokens.length >= 1 ? Math.floor(tokens.length) : DEFAULT_WIDTH;
  const width = Math.min(longest, DEFAULT_WIDTH);
  return tokenBatch(
    Array.from({ length: rows }, (_, row) => {
      const stream = uniformStream('checkPolicy', row);
      const length = Math.max(1, width - (row % width));
      return Array.from({ length }, () => uniformInteger(stream, size));
    }),
    width,
  );
}
