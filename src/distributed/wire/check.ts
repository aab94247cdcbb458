import * as v from 'valibot';
import { BicotError } from '../../errors.js';
import type { Task } from '../../parallel/protocol.js';
import type { Sample } from '../../rewards/reward.js';
import { JOB_KINDS, type JobAnswer, type JobData, kindOf, PROTOCOL, type RunInfo } from './protocol.js';

/** What comes from Redis was written by somebody: nothing of it is believed before it was looked at. */

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const seconds = v.pipe(v.number(), v.finite(), v.minValue(0));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const short = v.pipe(v.string(), v.maxLength(300));
const packed = v.strictObject({ sha256: hash, bytes: count, raw: count });
const kernels = v.strictTuple([
  v.picklist(['fused', 'composed']),
  v.strictObject({ fma: v.optional(v.boolean()) }),
]);
const tasks = v.picklist(['sample', 'score', 'gradients', 'reward']);

const jobData = v.strictObject({
  protocol: v.literal(PROTOCOL),
  config: hash,
  kind: v.picklist(JOB_KINDS),
  task: tasks,
  weights: v.optional(v.strictObject({ set: v.picklist(['policy', 'reference']), version: hash })),
  kernels,
  payload: packed,
  units: count,
  backlog: seconds,
});

const error = v.strictObject({
  name: short,
  message: v.pipe(v.string(), v.maxLength(20_000)),
  stack: v.optional(v.pipe(v.string(), v.maxLength(20_000))),
  code: v.optional(short),
});
const said = { worker: short, seconds };
const answer = v.variant('kind', [
  v.strictObject({ kind: v.literal('done'), ...said, result: packed, key: short }),
  v.strictObject({ kind: v.literal('failed'), ...said, error }),
  v.strictObject({ kind: v.literal('lost'), ...said, reason: v.string() }),
  v.strictObject({ kind: v.literal('refused'), ...said, reason: v.string() }),
]);

const entry = v.strictObject({ name: v.string(), shape: v.array(count), offset: count, size: count });
const runInfo = v.looseObject({
  protocol: count,
  bicot: short,
  config: hash,
  backends: v.array(short),
  layout: v.array(entry),
  kinds: v.array(v.picklist(JOB_KINDS)),
  weights: v.picklist(['redis', 'folder']),
  stalledAfter: seconds,
  maxBytes: count,
  ttl: count,
  life: short,
});

function checked<T>(what: string, schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = issue?.path?.map(({ key }: { key: unknown }) => String(key)).join('.') || 'it';
  throw new BicotError('value', `distributed: ${what} makes no sense: ${path}: ${issue?.message}.`);
}

/** @throws BicotError `value` unless something is the data of a job */
export function jobDataOf(value: unknown): JobData {
  const data = checked('a job', jobData as unknown as v.GenericSchema<unknown, JobData>, value);
  if (kindOf(data.task) === data.kind && (data.task === 'reward' || data.weights)) return data;
  throw new BicotError('value', 'distributed: a job makes no sense: its task is none of its kind.');
}

/** @throws BicotError `value` unless something is what a worker says of a job */
export const answerOf = (value: unknown): JobAnswer =>
  checked('an answer', answer as unknown as v.GenericSchema<unknown, JobAnswer>, value);

/** @throws BicotError `value` unless something says what a run is */
export function runInfoOf(text: string): RunInfo {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  return checked('what is said of the run', runInfo as unknown as v.GenericSchema<unknown, RunInfo>, value);
}

const plain = v.record(v.string(), v.unknown());
const floats = v.instance(Float32Array);
const ints = v.instance(Int32Array);
const completion = v.looseObject({ ids: ints, lengths: ints, rows: count, width: count });
const level = v.looseObject({
  name: v.string(),
  space: v.string(),
  contexts: v.array(v.unknown()),
  completion,
  behaviourLogProbs: floats,
  entropy: floats,
  sampling: plain,
  samplesPerRow: count,
});
const payloads = {
  sample: v.strictObject({
    request: v.strictObject({
      contexts: v.array(v.unknown()),
      samplesPerContext: count,
      space: v.string(),
      sampling: plain,
      uniforms: v.instance(Float64Array),
      tokensPerRow: count,
    }),
  }),
  score: v.strictObject({ level }),
  gradients: v.strictObject({
    terms: v.looseObject({ level, loss: plain, advantages: floats, weights: floats }),
    surrogate: v.optional(
      v.strictObject({
        own: v.optional(v.boolean()),
        name: v.string(),
        args: v.array(v.unknown()),
      }),
    ),
  }),
  reward: v.strictObject({ samples: v.array(v.looseObject({ tokens: plain, group: count, index: count })) }),
};

/** A surrogate as it travels: one of bicot's own with its arguments, or the name of one that the worker has. */
export interface SentSurrogate {
  readonly own?: boolean;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What a job's payload says, by its task. */
export interface Payloads {
  readonly sample: Pick<Extract<Task, { kind: 'sample' }>, 'request'>;
  readonly score: Pick<Extract<Task, { kind: 'score' }>, 'level'>;
  readonly gradients: Pick<Extract<Task, { kind: 'gradients' }>, 'terms'> & {
    readonly surrogate?: SentSurrogate;
  };
  readonly reward: { readonly samples: readonly Sample[] };
}

/** @throws BicotError `value` unless something is the payload of such a task */
export const payloadOf = <T extends keyof Payloads>(task: T, value: unknown): Payloads[T] =>
  checked(
    `the payload of '${task}'`,
    payloads[task] as unknown as v.GenericSchema<unknown, Payloads[T]>,
    value,
  );

const results = {
  sample: v.looseObject({ completion, behaviourLogProbs: floats, entropy: floats }),
  score: v.strictObject({ logProbs: floats }),
  gradients: v.strictObject({ loss: v.number(), logProbs: floats, gradients: v.record(v.string(), floats) }),
  reward: v.looseObject({ total: v.instance(Float64Array), table: plain, results: plain, calls: plain }),
};

/** @throws BicotError `value` unless something is what such a task gives */
export const resultOf = <T>(task: keyof typeof results, value: unknown): T =>
  checked(`the result of '${task}'`, results[task] as unknown as v.GenericSchema<unknown, T>, value);
