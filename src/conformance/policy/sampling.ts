import type { SamplingOptions } from '../../policy/distribution.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { tokenRow } from '../../policy/tokens.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { uniformStream } from '../../tensor/noise.js';
import { error, type Measured, note, ok, warning } from '../finding.js';
import {
  AGREEMENT_TOLERANCE,
  beside,
  logSoftmax,
  NOISE_TOLERANCE,
  read,
  validDifference,
} from './compare.js';
import { SAMPLES_PER_CONTEXT } from './decode-forced.js';
import type { Subject } from './subject.js';

/** A scale at which both branches matter. */
const GUIDANCE_SCALE = 2;
const GUIDANCE_ABSENT = note('absent: guidance is not available');

/** What is sampled can be trained: ids in range, and their log-probs those they were drawn with. */
export async function checkSampling<Context>(subject: Subject<Context>): Promise<Measured> {
  return sampledAsScored(subject, {}, 'sampled and scored');
}

/** The guided distribution that is sampled is the one that is trained. */
export async function checkGuidance<Context>(subject: Subject<Context>): Promise<Measured> {
  if (subject.policy.unconditional === undefined) return GUIDANCE_ABSENT;
  const guidance = { scale: GUIDANCE_SCALE };
  return sampledAsScored(subject, { guidance }, `sampled and scored with guidance ${GUIDANCE_SCALE}`);
}

/** Each context has an unconditional twin, always the same, and not the context again. */
export async function checkUnconditional<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, contexts, completion } = subject;
  if (policy.unconditional === undefined) return GUIDANCE_ABSENT;
  const twins = () => contexts.map((context) => policy.unconditional?.(context) as Context);
  const first = await logSoftmax(subject, completion, twins());
  if (!first.every(Number.isFinite)) {
    return error(
      'the unconditional contexts give log-probs that are not finite',
      'Check what logits() makes of an empty condition: a softmax over no keys or a mean over no tokens is NaN.',
    );
  }
  const again = validDifference(await logSoftmax(subject, completion, twins()), first, completion);
  if (!(again < NOISE_TOLERANCE)) {
    return error(
      `two unconditional twins of one context differ by ${beside(again, NOISE_TOLERANCE)} in log-probs`,
      'unconditional(context) must always give the same; sampling and scoring call it separately.',
    );
  }
  const gap = validDifference(await logSoftmax(subject, completion), first, completion);
  if (gap < NOISE_TOLERANCE) {
    return warning(
      'the unconditional distribution is the conditional one for every context: guidance does nothing',
      'Return the context without its condition (an empty or padded prompt), not the context itself.',
    );
  }
  return ok(`can be scored; log-probs differ from the conditional ones by up to ${gap.toExponential(1)}`);
}

async function sampledAsScored<Context>(
  subject: Subject<Context>,
  sampling: SamplingOptions,
  what: string,
): Promise<Measured> {
  const { policy, contexts, space, size, completion: forced } = subject;
  const { completion, behaviourLogProbs } = await sampleCompletions(policy, {
    contexts,
    samplesPerContext: SAMPLES_PER_CONTEXT,
    space,
    streams: (row) => uniformStream('checkPolicy', 'sampling', space, row),
    sampling: { ...sampling, maxTokens: forced.width },
  });
  for (let row = 0; row < completion.rows; row++) {
    const outside = tokenRow(completion, row).find((id) => !(id >= 0 && id < size));
    if (outside !== undefined) return error(`the sampler drew token ${outside}, outside [0, ${size})`);
  }
  const repeated = contexts.flatMap((context) => new Array<Context>(SAMPLES_PER_CONTEXT).fill(context));
  const scored = await read(() =>
    completionLogProbs(policy, { contexts: repeated, completion, space }, sampling),
  );
  const worst = validDifference(behaviourLogProbs, scored, completion);
  const drawn = completion.lengths.reduce((sum, length) => sum + length, 0);
  const detail = `log-probs of ${drawn} tokens ${what} differ by ${beside(worst, AGREEMENT_TOLERANCE)}`;
  return worst < AGREEMENT_TOLERANCE ? ok(detail) : error(detail);
}
