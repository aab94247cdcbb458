import { completionLogProbs } from '../../policy/log-probs.js';
import { withoutLogProbs } from '../../policy/without-log-probs.js';
import { error, type Measured, note, ok } from '../check-result.js';
import { AGREEMENT_TOLERANCE, beside, difference, read, within } from './compare.js';
import type { Subject } from './subject.js';
import { gradientsOf } from './variables.js';

/** How far gradients of two ways to compute log-probs may be apart, over the largest entry. */
const GRADIENT_TOLERANCE = 1e-3;
const ABSENT = note('absent: log-probs come from logits');

/** The direct log-probs are those of the logits. */
export async function checkLogProbs<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, contexts, completion, space } = subject;
  if (policy.logProbs === undefined) return ABSENT;
  const derived = withoutLogProbs(policy);
  let worst = 0;
  for (const temperature of [1, 0.7]) {
    const [direct, implied] = await Promise.all(
      [policy, derived].map((scored) =>
        read(() => completionLogProbs(scored, { contexts, completion, space }, { temperature })),
      ) as [Promise<Float32Array>, Promise<Float32Array>],
    );
    worst = Math.max(worst, difference(direct, implied));
  }
  return within(worst, AGREEMENT_TOLERANCE, 'logProbs and logits at temperatures 1 and 0.7');
}

/** The gradients of the direct log-probs are those of the logits. */
export async function checkLogProbGradients<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy } = subject;
  if (policy.logProbs === undefined) return ABSENT;
  const direct = await gradientsOf(policy, subject);
  const implied = await gradientsOf(withoutLogProbs(policy), subject);
  const gaps = [...implied].map(([name, gradient]) => ({
    name,
    gap: relativeGap(direct.get(name), gradient),
  }));
  const { name, gap } = gaps.reduce((a, b) => (b.gap > a.gap ? b : a));
  const detail = `gradients for ${name} differ by ${beside(gap, GRADIENT_TOLERANCE)} of their largest entry`;
  return gap < GRADIENT_TOLERANCE ? ok(detail) : error(detail);
}

/** The largest difference over the largest entry; a missing gradient is zero. */
function relativeGap(direct: Float32Array | undefined, implied: Float32Array | undefined): number {
  const length = direct?.length ?? implied?.length ?? 0;
  const [a, b] = [direct ?? new Float32Array(length), implied ?? new Float32Array(length)];
  const zero = new Float32Array(length);
  const scale = Math.max(difference(a, zero), difference(b, zero));
  return scale === 0 ? 0 : difference(a, b) / scale;
}
