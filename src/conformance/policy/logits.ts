import { completionLogProbs } from '../../policy/log-probs.js';
import { sliceTokenBatch, type TokenBatch, tokenBatch, tokenRow } from '../../policy/tokens.js';
import { assertShape } from '../../tensor/shape.js';
import { error, type Measured, note, ok, warning } from '../finding.js';
import {
  beside,
  difference,
  INVARIANCE_TOLERANCE,
  logSoftmax,
  NOISE_TOLERANCE,
  read,
  rowLogProbs,
  validDifference,
  within,
} from './compare.js';
import { decodeForced } from './decode-forced.js';
import type { Subject } from './subject.js';

/** Logits have the promised shape and are finite where they mean something. */
export async function checkShapes<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, contexts, completion, space, size } = subject;
  const { rows, width, lengths } = completion;
  const logits = policy.logits(contexts, completion, space);
  try {
    assertShape('policy.logits', logits, [rows, width, size], '[N, T, V]');
    const values = await logits.data();
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong < 0) return ok(`[${logits.shape.join(', ')}], all finite`);
    const [row, t] = [Math.floor(wrong / (width * size)), Math.floor(wrong / size) % width];
    const where = `row ${row}, position ${t}, token ${wrong % size}`;
    return error(
      `a logit is ${values[wrong]} (${where}${t < (lengths[row] as number) ? '' : ', which is padding: NaN there reaches gradients'})`,
      'Look for log(0), 0/0 or an overflow; to forbid a token give it a logit of -1e9, not -Infinity.',
    );
  } finally {
    logits.dispose();
  }
}

/** The same call gives the same values. */
export async function checkDeterminism<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, contexts, completion, space } = subject;
  const calls: [string, () => Promise<Float32Array>][] = [['logits', () => logSoftmax(subject, completion)]];
  if (policy.logProbs !== undefined) {
    calls.push(['logProbs', () => read(() => completionLogProbs(policy, { contexts, completion, space }))]);
  }
  if (policy.startDecoding !== undefined) {
    calls.push(['startDecoding', () => decodeForced(subject)]);
  }
  const gaps: [string, number][] = [];
  for (const [name, call] of calls) {
    const first = await call();
    gaps.push([name, difference(first, await call())]);
  }
  const [name, worst] = gaps.reduce((a, b) => (b[1] > a[1] ? b : a));
  const of = gaps.map(([called]) => called).join(', ');
  if (worst < NOISE_TOLERANCE) {
    return ok(`two identical calls of ${of}: log-probs differ by ${beside(worst, NOISE_TOLERANCE)}`);
  }
  return error(`two identical calls of ${name}: log-probs differ by ${beside(worst, NOISE_TOLERANCE)}`);
}

/** The distribution depends on what it should depend on. */
export async function checkVariation<Context>(subject: Subject<Context>): Promise<Measured> {
  const { completion, size } = subject;
  const { rows, width } = completion;
  const values = await logSoftmax(subject, completion);
  // A constant distribution has log-prob −log V everywhere.
  const uniform = new Float32Array(values.length).fill(-Math.log(size));
  if (size > 1 && validDifference(values, uniform, completion) < INVARIANCE_TOLERANCE) {
    return warning(
      'all logits of a position are the same, so every token has the same probability and the other checks prove little',
      'Check with weights that say something: a head that starts at zero needs a random one for this check.',
    );
  }
  const first = (row: number) => values.subarray(row * width * size, (row * width + 1) * size);
  const gaps = Array.from({ length: rows }, (_, row) => difference(first(row), first(0)));
  if (Math.max(...gaps) < NOISE_TOLERANCE) {
    return warning(
      `the first token has the same distribution for all ${rows} contexts, so what a sample is asked for does not matter`,
      'Give contexts that differ from each other; if they do, logits() does not use them.',
    );
  }
  const changed = await logSoftmax(subject, changeTokens(completion, size, 0));
  const seen = width > 1 && size > 1 ? validDifference(changed, values, completion) : Number.NaN;
  return seen < NOISE_TOLERANCE
    ? note('over the vocabulary and the contexts, but not with the tokens before')
    : ok('over the vocabulary, the contexts and the tokens before');
}

/** A row's log-probs do not depend on its batch-mates. */
export async function checkBatchInvariance<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, contexts, completion, space } = subject;
  const together = await read(() => completionLogProbs(policy, { contexts, completion, space }));
  let worst = 0;
  for (let row = 0; row < completion.rows; row++) {
    const alone = await rowLogProbs(subject, row, sliceTokenBatch(completion, row, row + 1));
    worst = Math.max(worst, difference(alone, together.subarray(row * completion.width)));
  }
  return within(worst, INVARIANCE_TOLERANCE, 'a row alone and among others');
}

/** A row's log-probs do not depend on padding. */
export async function checkPaddingInvariance<Context>(subject: Subject<Context>): Promise<Measured> {
  const { completion } = subject;
  let worst = 0;
  for (let row = 0; row < completion.rows; row++) {
    const padded = await rowLogProbs(subject, row, sliceTokenBatch(completion, row, row + 1));
    const exact = await rowLogProbs(subject, row, tokenBatch([tokenRow(completion, row)]));
    worst = Math.max(worst, difference(exact, padded));
  }
  return within(worst, INVARIANCE_TOLERANCE, 'a row with and without padding');
}

/** A token's distribution depends only on what comes before it. */
export async function checkCausality<Context>(subject: Subject<Context>): Promise<Measured> {
  const { completion, size } = subject;
  const { rows, width, lengths } = completion;
  const original = await logSoftmax(subject, completion);
  let worst = 0;
  // Another token at position t may change what comes after t, never position t itself or what came before.
  for (const t of new Set([0, width >> 1, width - 1])) {
    const changed = await logSoftmax(subject, changeTokens(completion, size, t));
    const before = { ...completion, lengths: lengths.map((length) => Math.min(t + 1, length)), rows };
    worst = Math.max(worst, validDifference(changed, original, before));
  }
  return within(worst, INVARIANCE_TOLERANCE, 'a position before and after changing its own token');
}

/** Another token at position `t`, in every row that has one there. */
function changeTokens(completion: TokenBatch, size: number, t: number): TokenBatch {
  const { rows, width, lengths } = completion;
  const ids = completion.ids.slice();
  for (let row = 0; row < rows; row++) {
    const at = row * width + t;
    if (t < (lengths[row] as number)) ids[at] = ((ids[at] as number) + 1) % size;
  }
  return { ...completion, ids };
}
