import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { DecodingSession } from '../../policy/policy.js';
import { assertShape } from '../../tensor/shape.js';
import { read } from './compare.js';
import type { Subject } from './subject.js';

/** Rows of a session that continue the same context; more than one, so that sharing is exercised. */
export const SAMPLES_PER_CONTEXT = 2;

/** Starts a session for the subject's contexts. @throws BicotError `unsupported` for a policy without sessions */
export function startSession<Context>({
  policy,
  contexts,
  space,
  completion,
}: Subject<Context>): DecodingSession {
  const session = policy.startDecoding?.(contexts, space, {
    samplesPerContext: SAMPLES_PER_CONTEXT,
    maxTokens: completion.width,
  });
  if (session === undefined) {
    throw new BicotError(
      'unsupported',
      'The policy gave no decoding session. Return one from startDecoding.',
    );
  }
  return session;
}

/** What a session's rows are fed before step `t` when they follow the completion; nothing at the first step. */
export function forcedTokens<Context>({ completion }: Subject<Context>, t: number): Int32Array | undefined {
  const { rows, width, ids } = completion;
  if (t === 0) return undefined;
  // Row i of the session continues context floor(i / samplesPerContext).
  return Int32Array.from(
    { length: rows * SAMPLES_PER_CONTEXT },
    (_, i) => ids[Math.floor(i / SAMPLES_PER_CONTEXT) * width + t - 1] as number,
  );
}

/** One step of a session: log-probs of the whole vocabulary, `[N · samplesPerContext · V]`, of `rows` rows if some are gone. */
export function stepLogProbs<Context>(
  { completion, size }: Subject<Context>,
  session: DecodingSession,
  tokens: Int32Array | undefined,
  rows = completion.rows * SAMPLES_PER_CONTEXT,
): Promise<Float32Array> {
  // Not inside tf.tidy: the session's cache must outlive the call.
  const logits = session.next(tokens);
  return read(() => {
    try {
      assertShape('DecodingSession.next', logits, [rows, size], '[N, V]');
      return tf.logSoftmax(logits);
    } finally {
      logits.dispose();
    }
  });
}

/** Decodes the subject's own completion: log-probs `[T · N · samplesPerContext · V]`. */
export async function decodeForced<Context>(subject: Subject<Context>): Promise<Float32Array> {
  const { rows, width } = subject.completion;
  const step = rows * SAMPLES_PER_CONTEXT * subject.size;
  const values = new Float32Array(width * step);
  const session = startSession(subject);
  try {
    for (let t = 0; t < width; t++) {
      values.set(await stepLogProbs(subject, session, forcedTokens(subject, t)), t * step);
    }
  } finally {
    session.dispose();
  }
  return values;
}
