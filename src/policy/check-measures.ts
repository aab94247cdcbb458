import * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { completionLogProbs } from './log-probs.js';
import type { Policy } from './policy.js';
import { sliceTokenBatch, type TokenBatch, tokenBatch, tokenRow } from './tokens.js';

/** How much a log-prob may depend on batch-mates and padding. */
const INVARIANCE_TOLERANCE = 1e-5;
/** How far two ways to compute a log-prob may be apart. */
const AGREEMENT_TOLERANCE = 1e-4;

/** A policy and what to try it on. */
export interface Subject<Context> {
  readonly policy: Policy<Context>;
  readonly contexts: readonly Context[];
  readonly completion: TokenBatch;
  readonly space: string;
  readonly size: number;
}

/** What a check found. */
export interface Measured {
  readonly passed: boolean;
  readonly detail: string;
}

/** Measures one property; a thrown error is a failed check. */
export type Check<Context> = (subject: Subject<Context>) => Promise<Measured>;

/** Logits have the promised shape and are finite. */
export async function checkShapes<Context>({
  policy,
  contexts,
  completion,
  space,
  size,
}: Subject<Context>): Promise<Measured> {
  const logits = policy.logits(contexts, completion, space);
  try {
    assertShape('policy.logits', logits, [completion.rows, completion.width, size], '[N, T, V]');
    const finite = (await logits.data()).every(Number.isFinite);
    return { passed: finite, detail: finite ? `[${logits.shape.join(', ')}]` : 'a logit is not finite' };
  } finally {
    logits.dispose();
  }
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
  const original = await logSoftmax(subject, completion);
  let worst = 0;
  // Another token at position t may change what comes after t, never position t itself or what came before.
  for (const t of [0, completion.width - 1]) {
    const ids = completion.ids.slice();
    for (let row = 0; row < completion.rows; row++) {
      const at = row * completion.width + t;
      if (t < (completion.lengths[row] as number)) ids[at] = ((ids[at] as number) + 1) % size;
    }
    const changed = await logSoftmax(subject, { ...completion, ids });
    for (let row = 0; row < completion.rows; row++) {
      const from = row * completion.width * size;
      const valid = Math.min(t + 1, completion.lengths[row] as number) * size;
      worst = Math.max(
        worst,
        difference(changed.subarray(from, from + valid), original.subarray(from, from + valid)),
      );
    }
  }
  return within(worst, INVARIANCE_TOLERANCE, 'a position before and after changing its own token');
}

/** Sampling and training see one distribution. */
export async function checkDecoding<Context>(subject: Subject<Context>): Promise<Measured> {
  const { policy, contexts, completion, space, size } = subject;
  if (policy.startDecoding === undefined) {
    return { passed: true, detail: 'absent: the sampler recomputes every token, which is slow' };
  }
  const expected = await logSoftmax(subject, completion);
  const { rows, width, lengths, ids } = completion;
  const session = policy.startDecoding(contexts, space, { samplesPerContext: 2, maxTokens: width });
  let worst = 0;
  try {
    for (let t = 0; t < width; t++) {
      // Row i of the session continues context floor(i / 2).
      const tokens = Int32Array.from({ length: rows * 2 }, (_, i) => ids[(i >> 1) * width + t - 1] as number);
      // Not inside tf.tidy: the session's cache must outlive the call.
      const logits = session.next(t === 0 ? undefined : tokens);
      const step = await read(() => {
        try {
          assertShape('DecodingSession.next', logits, [rows * 2, size], '[N, V]');
          return tf.logSoftmax(logits);
        } finally {
          logits.dispose();
        }
      });
      for (let i = 0; i < rows * 2; i++) {
        const row = i >> 1;
        if (t >= (lengths[row] as number)) continue;
        const from = (row * width + t) * size;
        worst = Math.max(
          worst,
          difference(step.subarray(i * size, (i + 1) * size), expected.subarray(from, from + size)),
        );
      }
    }
  } finally {
    session.dispose();
    session.dispose();
  }
  return within(worst, AGREEMENT_TOLERANCE, 'decoded and teacher-forced');
}

/** The direct log-probs are those of the logits. */
export async function checkLogProbs<Context>({
  policy,
  contexts,
  completion,
  space,
}: Subject<Context>): Promise<Measured> {
  if (policy.logProbs === undefined) {
    return { passed: true, detail: 'absent: log-probs come from logits' };
  }
  const { logProbs: _, ...rest } = bound(policy);
  let worst = 0;
  for (const temperature of [1, 0.7]) {
    const direct = await read(() =>
      completionLogProbs(policy, { contexts, completion, space }, { temperature }),
    );
    const derived = await read(() =>
      completionLogProbs(rest, { contexts, completion, space }, { temperature }),
    );
    worst = Math.max(worst, difference(direct, derived));
  }
  return within(worst, AGREEMENT_TOLERANCE, 'logProbs and logits at temperatures 1 and 0.7');
}

/** Something can be trained. */
export async function checkGradients<Context>({
  policy,
  contexts,
  completion,
  space,
}: Subject<Context>): Promise<Measured> {
  const names = Object.keys(policy.variables);
  const list = Object.values(policy.variables);
  if (list.length === 0)
    return { passed: false, detail: 'policy.variables is empty: nothing can be trained' };
  const { value, grads } = tf.variableGrads(
    () => tf.sum(completionLogProbs(policy, { contexts, completion, space })) as tf.Scalar,
    list,
  );
  value.dispose();
  const silent: string[] = [];
  const broken: string[] = [];
  for (const [i, variable] of list.entries()) {
    const gradient = grads[variable.name];
    const values = gradient === undefined ? new Float32Array(0) : await gradient.data();
    gradient?.dispose();
    if (!values.every(Number.isFinite)) broken.push(names[i] as string);
    else if (values.every((entry) => entry === 0)) silent.push(names[i] as string);
  }
  if (broken.length > 0) return { passed: false, detail: `not finite: ${broken.join(', ')}` };
  const some = silent.length < list.length;
  // A space need not use every variable (a unified model has one head per space), so silence is only told.
  const told = silent.length === 0 ? 'all non-zero' : `zero for this space: ${silent.join(', ')}`;
  return { passed: some, detail: some ? told : 'zero for every variable' };
}

/** The unconditional contexts can be scored. */
export async function checkUnconditional<Context>({
  policy,
  contexts,
  completion,
  space,
}: Subject<Context>): Promise<Measured> {
  const { unconditional } = policy;
  if (unconditional === undefined) return { passed: true, detail: 'absent: guidance is not available' };
  const twins = contexts.map((context) => policy.unconditional?.(context) as Context);
  const values = await read(() => completionLogProbs(policy, { contexts: twins, completion, space }));
  const finite = values.every(Number.isFinite);
  return { passed: finite, detail: finite ? 'can be scored' : 'gives log-probs that are not finite' };
}

/** Nothing is left behind. */
export async function checkLeaks<Context>({
  policy,
  contexts,
  completion,
  space,
}: Subject<Context>): Promise<Measured> {
  const use = () => {
    policy.logits(contexts, completion, space).dispose();
    policy.logProbs?.(contexts, completion, space, 1).dispose();
    const session = policy.startDecoding?.(contexts, space, { samplesPerContext: 1, maxTokens: 2 });
    session?.next().dispose();
    session?.next(new Int32Array(completion.rows)).dispose();
    session?.dispose();
  };
  // What a first use leaves behind may be a cache.
  use();
  const before = tf.memory().numTensors;
  use();
  const leaked = tf.memory().numTensors - before;
  return {
    passed: leaked === 0,
    detail:
      leaked === 0
        ? 'no tensors left behind'
        : `${leaked} tensors left behind by logits, logProbs or a session; wrap the work in tf.tidy`,
  };
}

/** One row's log-probs. */
function rowLogProbs<Context>(subject: Subject<Context>, row: number, completion: TokenBatch) {
  const { policy, contexts, space } = subject;
  return read(() => completionLogProbs(policy, { contexts: [contexts[row] as Context], completion, space }));
}

/** Log-probs of the whole vocabulary, `[N · T · V]`. */
function logSoftmax<Context>({ policy, contexts, space }: Subject<Context>, completion: TokenBatch) {
  return read(() => tf.tidy(() => tf.logSoftmax(policy.logits(contexts, completion, space))));
}

/** The policy's members as a plain object, methods bound, so that one can be left out. */
function bound<Context>(policy: Policy<Context>): Policy<Context> {
  return {
    variables: policy.variables,
    spaces: policy.spaces,
    logits: policy.logits.bind(policy),
    logProbs: policy.logProbs?.bind(policy),
  };
}

async function read(compute: () => tf.Tensor): Promise<Float32Array> {
  const tensor = compute();
  try {
    return (await tensor.data()) as Float32Array;
  } finally {
    tensor.dispose();
  }
}

/** The largest difference over the first array's entries; NaN counts as infinite. */
function difference(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const gap = Math.abs((a[i] as number) - (b[i] as number));
    if (!(gap <= worst)) worst = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap;
  }
  return worst;
}

function within(worst: number, tolerance: number, what: string): { passed: boolean; detail: string } {
  return {
    passed: worst < tolerance,
    detail: `log-probs of ${what} differ by ${worst.toExponential(1)} (allowed ${tolerance})`,
  };
}
