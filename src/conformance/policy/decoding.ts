import { error, type Measured, note, ok } from '../check-result.js';
import {
  AGREEMENT_TOLERANCE,
  beside,
  difference,
  INVARIANCE_TOLERANCE,
  logSoftmax,
  NOISE_TOLERANCE,
  within,
} from './compare.js';
import {
  decodeForced,
  forcedTokens,
  SAMPLES_PER_CONTEXT,
  startSession,
  stepLogProbs,
} from './decode-forced.js';
import type { Subject } from './subject.js';

const ABSENT = note('absent: the sampler recomputes every token, which is slow');

/** Sampling and training see one distribution. */
export async function checkDecoding<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, completion, size } = subject;
  if (policy.startDecoding === undefined) return ABSENT;
  const { rows, width, lengths } = completion;
  const expected = await logSoftmax(subject, completion);
  const decoded = await decodeForced(subject);
  const sessionRows = rows * SAMPLES_PER_CONTEXT;
  let worst = 0;
  for (let t = 0; t < width; t++) {
    for (let i = 0; i < sessionRows; i++) {
      const row = Math.floor(i / SAMPLES_PER_CONTEXT);
      if (t >= (lengths[row] as number)) continue;
      const from = (t * sessionRows + i) * size;
      worst = Math.max(
        worst,
        difference(decoded.subarray(from, from + size), expected.subarray((row * width + t) * size)),
      );
    }
  }
  return within(worst, AGREEMENT_TOLERANCE, 'decoded and teacher-forced');
}

/** A session says its size, stands beside others, goes on after a row has ended, and can be disposed twice. */
export async function checkSession<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, completion, size } = subject;
  if (policy.startDecoding === undefined) return ABSENT;
  const unused = startSession(subject);
  const rows = completion.rows * SAMPLES_PER_CONTEXT;
  const told = unused.rows;
  unused.dispose();
  unused.dispose();
  if (told !== rows) {
    return error(
      `session.rows is ${told}, expected ${rows} = ${completion.rows} contexts × ${SAMPLES_PER_CONTEXT} samples`,
      'Set rows to contexts.length · samplesPerContext.',
    );
  }

  const alone = await decodeForced(subject);
  const sessions = [startSession(subject), startSession(subject)] as const;
  let [disturbed, spilled] = [0, 0];
  try {
    for (let t = 0; t < completion.width; t++) {
      const own = await stepLogProbs(subject, sessions[0], forcedTokens(subject, t));
      const other = await stepLogProbs(subject, sessions[1], firstRowEnded(subject, t));
      disturbed = Math.max(disturbed, difference(own, alone.subarray(t * rows * size)));
      // The first row has ended; the others must not notice.
      spilled = Math.max(spilled, difference(other.subarray(size), own.subarray(size)));
    }
  } finally {
    for (const session of sessions) {
      session.dispose();
      session.dispose();
    }
  }
  if (!(disturbed < NOISE_TOLERANCE)) {
    return error(
      `a session gives other log-probs while a second one is open: they differ by ${beside(disturbed, NOISE_TOLERANCE)}`,
      'Keep the cache in the session, not in the policy: a plan and a picture may be decoded side by side.',
    );
  }
  if (!(spilled < INVARIANCE_TOLERANCE)) {
    return error(
      `feeding an ended row its last token again changes other rows by ${beside(spilled, INVARIANCE_TOLERANCE)}`,
      'Rows must not see each other; the sampler goes on feeding rows that have ended until all have.',
    );
  }
  const shrunk = await keptDifference(subject, alone);
  if (!(shrunk < INVARIANCE_TOLERANCE)) {
    return error(
      `after keep() the rows that go on differ by ${beside(shrunk, INVARIANCE_TOLERANCE)} from what they are with all rows present`,
      'keep(rows) names the places, among the rows present, of those that go on: take their caches and positions along. Or leave keep out.',
    );
  }
  return ok(`${rows} rows; two at once, ended rows fed again, disposed twice`);
}

/** How much the rows from the second on change when the first leaves after its first token. 0 for a session without `keep`. */
async function keptDifference<Context>(subject: Subject<Context>, alone: Float32Array): Promise<number> {
  const { completion, size } = subject;
  const rows = completion.rows * SAMPLES_PER_CONTEXT;
  const session = startSession(subject);
  let worst = 0;
  try {
    if (session.keep === undefined || rows < 2) return 0;
    await stepLogProbs(subject, session, undefined);
    session.keep(Int32Array.from({ length: rows - 1 }, (_, place) => place + 1));
    for (let t = 1; t < completion.width; t++) {
      const tokens = forcedTokens(subject, t)?.slice(1);
      const own = await stepLogProbs(subject, session, tokens, rows - 1);
      worst = Math.max(worst, difference(own, alone.subarray((t * rows + 1) * size)));
    }
    return worst;
  } finally {
    session.dispose();
  }
}

/** As the completion, but the first row's has ended: the sampler then feeds its last token again and again. */
function firstRowEnded<Context>(subject: Subject<Context>, t: number): Int32Array | undefined {
  const tokens = forcedTokens(subject, t);
  if (tokens === undefined) return undefined;
  const { endToken, size } = subject.tokens;
  const valid = endToken !== undefined && endToken >= 0 && endToken < size;
  tokens[0] = valid ? endToken : (subject.completion.ids[0] as number);
  return tokens;
}
