import { BicotError } from '../errors.js';
import { uniformInteger, uniformStream } from '../tensor/noise.js';
import * as measures from './check-measures.js';
import type { Policy } from './policy.js';
import { tokenSpaceOf } from './spaces.js';
import { assertTokenRange, type TokenBatch, tokenBatch } from './tokens.js';

/** One property of the `Policy` contract, and whether the policy has it. */
export interface PolicyCheck {
  /** What was checked, e.g. `batch invariance`. */
  readonly check: string;
  readonly passed: boolean;
  /** The measured value, or what to change. */
  readonly detail: string;
}

/** What `checkPolicy` found. */
export interface PolicyReport {
  /** Whether every check passed. */
  readonly passed: boolean;
  readonly checks: readonly PolicyCheck[];
}

/** What to check a policy with. */
export interface CheckPolicyOptions<Context> {
  /** `[N]`, at least 2, different from each other. */
  readonly contexts: readonly Context[];
  /** A key of `policy.spaces`. */
  readonly space: string;
  /** `[N, T]`, best with rows of different lengths. Default: random tokens. */
  readonly completion?: TokenBatch;
}

const DEFAULT_WIDTH = 6;

/**
 * Checks that a policy keeps the contract that sampling and training rely on. Run it once on a model of your
 * own, on each of its spaces; it changes nothing and leaves no tensors behind.
 * @throws BicotError `shape` or `value` if the options themselves can't be used; a broken policy is reported,
 * not thrown
 */
export async function checkPolicy<Context>(
  policy: Policy<Context>,
  options: CheckPolicyOptions<Context>,
): Promise<PolicyReport> {
  const subject = subjectOf(policy, options);
  const all: [string, measures.Check<Context>][] = [
    ['shapes', measures.checkShapes],
    ['batch invariance', measures.checkBatchInvariance],
    ['padding invariance', measures.checkPaddingInvariance],
    ['causality', measures.checkCausality],
    ['startDecoding equals logits', measures.checkDecoding],
    ['logProbs equals logits', measures.checkLogProbs],
    ['gradients', measures.checkGradients],
    ['unconditional', measures.checkUnconditional],
    ['no leaks', measures.checkLeaks],
  ];
  const checks: PolicyCheck[] = [];
  for (const [check, measure] of all) {
    try {
      checks.push({ check, ...(await measure(subject)) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      checks.push({ check, passed: false, detail: `threw: ${message}` });
    }
  }
  return { passed: checks.every(({ passed }) => passed), checks };
}

function subjectOf<Context>(
  policy: Policy<Context>,
  options: CheckPolicyOptions<Context>,
): measures.Subject<Context> {
  const { contexts, space } = options;
  const tokens = tokenSpaceOf(policy, space);
  const rows = contexts.length;
  if (rows < 2) {
    throw new BicotError('shape', `checkPolicy: ${rows} contexts, but comparing rows takes at least 2.`);
  }
  const width = tokens.kind === 'image' ? Math.min(tokens.length, DEFAULT_WIDTH) : DEFAULT_WIDTH;
  const completion = options.completion ?? randomCompletion(rows, width, tokens.size);
  if (completion.rows !== rows) {
    throw new BicotError(
      'shape',
      `checkPolicy: ${rows} contexts but ${completion.rows} completions; give one completion per context.`,
    );
  }
  assertTokenRange(completion, tokens.size, `checkPolicy: space '${space}'`);
  return { policy, contexts, completion, space, size: tokens.size };
}

/** Rows of different lengths, so that padding is exercised. */
function randomCompletion(rows: number, width: number, size: number): TokenBatch {
  return tokenBatch(
    Array.from({ length: rows }, (_, row) => {
      const stream = uniformStream('checkPolicy', row);
      const length = Math.max(1, width - (row % width));
      return Array.from({ length }, () => uniformInteger(stream, size));
    }),
    width,
  );
}
