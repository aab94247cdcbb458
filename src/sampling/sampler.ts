import { BicotError } from '../errors.js';
import { loadKernels } from '../kernels/choice.js';
import { assertSampling, isGuided, isTruncated, type SamplingOptions } from '../policy/distribution.js';
import { type KeptSet, keptBytes } from '../policy/kept.js';
import type { DecodingSession, Policy } from '../policy/policy.js';
import { tokenSpaceOf, unconditionalContexts } from '../policy/spaces.js';
import type { TokenBatch } from '../policy/tokens.js';
import type { UniformStream } from '../tensor/noise.js';
import { assertShape } from '../tensor/shape.js';
import { turn } from '../turn.js';
import { type DrawnTokens, type DrawTokens, tokenDrawer } from './draw.js';
import { recomputeDecoding } from './recompute.js';

/** How far a sampling has come. */
export interface SamplingProgress {
  /** Tokens decoded so far, per row. */
  readonly tokens: number;
  /** The most there can be; rows that end earlier end the sampling earlier. */
  readonly maxTokens: number;
  /** N, rows decoded side by side. */
  readonly rows: number;
}

/** What to sample. N = B · samplesPerContext rows; row `i` continues context `floor(i / samplesPerContext)`. */
export interface SampleRequest<Context> {
  /** `[B]`. Neighbours that are the same object are computed once. */
  readonly contexts: readonly Context[];
  /** Rows that go on from each context, at least 1. */
  readonly samplesPerContext: number;
  /** A key of `policy.spaces`. */
  readonly space: string;
  /** The random numbers of a row, one a token. Key them by the sample (`uniformStream`), never by the row. */
  readonly streams: (row: number) => UniformStream;
  /** What is sampled from, and how many tokens at most. */
  readonly sampling: SamplingOptions;
  /** Stops the sampling between two tokens, with an error of code `aborted`. */
  readonly signal?: AbortSignal;
  /** Called after every token. */
  readonly onProgress?: (progress: SamplingProgress) => void;
}

/** Sampled completions, on the host: nothing to dispose. */
export interface Completions {
  /** `[N, T]`, T the longest completion. The end token is part of it; one cut off at `maxTokens` has none. */
  readonly completion: TokenBatch;
  /** `[N · T]`: log-probs under the distribution drawn from (guided, tempered, truncated); 0 on padding. */
  readonly behaviourLogProbs: Float32Array;
  /** `[N · T]`: entropy of that distribution in nats; 0 on padding. */
  readonly entropy: Float32Array;
  /** What truncation kept, if `recordKept` asked for it and the sampling truncates. */
  readonly kept?: KeptSet;
}

/** Samples as `sampleCompletions` does, here or elsewhere. */
export type SampleFunction = <Context>(
  policy: Policy<Context>,
  request: SampleRequest<Context>,
) => Promise<Completions>;

/**
 * Samples completions token by token with the policy's decoding sessions (or by recomputing, without them).
 * A row's tokens depend on its context, its stream and the weights, not on its batch-mates: one uniform number
 * per token, inverse CDF in vocabulary order. Keep the weights unchanged until the promise settles.
 * @throws BicotError `aborted`, `non-finite` (logits), `value`, `shape`, or `unsupported` (guidance without
 * `policy.unconditional`)
 */
export async function sampleCompletions<Context>(
  policy: Policy<Context>,
  request: SampleRequest<Context>,
): Promise<Completions> {
  const { space, sampling, signal, onProgress } = request;
  const { size, endToken } = tokenSpaceOf(policy, space);
  const maxTokens = assertSampleRequest(policy, request);
  const guided = isGuided(sampling.guidance);
  const twins = guided ? unconditionalContexts(policy, request.contexts, sampling.guidance) : [];
  throwIfAborted(signal, 0);
  await loadKernels();

  const rows = request.contexts.length * request.samplesPerContext;
  const record = recordingOf(rows, maxTokens, size, sampling);
  const streams = Array.from({ length: rows }, (_, row) => request.streams(row));
  const draw = tokenDrawer(size, sampling, guided);
  const events = eventPause();
  // Both branches of guidance go through the policy as one batch: the conditional rows, then the unconditional ones.
  const session = startSession(policy, [...request.contexts, ...twins], request, maxTokens);
  const branches = guided ? 2 : 1;
  let present = Int32Array.from({ length: rows }, (_, row) => row);
  const ended = new Uint8Array(rows);
  let running = rows;
  try {
    let newest: Int32Array | undefined;
    for (let t = 0; t < maxTokens && running > 0; t++) {
      const before = present;
      // An ended row is fed its last token again; its logits are ignored and its stream rests.
      const uniforms = Float64Array.from(before, (row) =>
        ended[row] === 1 ? 0 : (streams[row] as UniformStream)(),
      );
      const drawn = await nextTokens(session, newest, draw, uniforms, [before.length * branches, size]);
      throwIfAborted(signal, t);
      newest = newest ?? new Int32Array(branches * rows);
      for (let place = 0; place < before.length; place++) {
        const row = before[place] as number;
        if (ended[row] === 1) continue;
        const id = drawn.ids[place] as number;
        if (id < 0) throw nonFiniteLogits(space, row, t);
        for (let branch = 0; branch < branches; branch++) newest[branch * before.length + place] = id;
        record.token(row, t, drawn, place);
        if (id === endToken) {
          ended[row] = 1;
          running--;
        }
      }
      if (session.keep && running > 0 && before.length - running >= before.length / LEAVE_AT) {
        const places = Int32Array.from(before.keys()).filter((place) => ended[before[place] as number] === 0);
        const kept = bothBranches(places, before.length, branches);
        session.keep(kept);
        present = places.map((place) => before[place] as number);
        const tokens: Int32Array = newest;
        newest = kept.map((place) => tokens[place] as number);
      }
      onProgress?.({ tokens: t + 1, maxTokens, rows });
      await events();
    }
    throwIfAborted(signal, maxTokens);
    return record.finish();
  } finally {
    session.dispose();
  }
}

/** Rows leave the batch when one in so many of it has ended. */
const LEAVE_AT = 8;

/** Places of conditional rows, and of the unconditional ones that go with them. */
function bothBranches(places: Int32Array, rows: number, branches: number): Int32Array {
  if (branches === 1) return places;
  return Int32Array.from([...places, ...places.map((place) => place + rows)]);
}

/** Steps the session and draws from its logits. */
async function nextTokens(
  session: DecodingSession,
  tokens: Int32Array | undefined,
  draw: DrawTokens,
  uniforms: Float64Array,
  shape: readonly [number, number],
): Promise<DrawnTokens> {
  // A session may keep what it is given, so it gets a copy.
  const logits = session.next(tokens?.slice());
  try {
    assertShape('DecodingSession.next', logits, [...shape], '[N, V]');
    return await draw(logits, uniforms);
  } finally {
    logits.dispose();
  }
}

/**
 * Throws unless a request can be sampled.
 * @returns the most tokens of a row
 * @throws BicotError `shape` or `value`
 */
export function assertSampleRequest<Context>(
  policy: Policy<Context>,
  request: SampleRequest<Context>,
): number {
  const { contexts, samplesPerContext, space, sampling } = request;
  assertSampling(`sampleCompletions: space '${space}'`, sampling);
  if (contexts.length === 0) {
    throw new BicotError('shape', 'sampleCompletions: no contexts. Give at least one.');
  }
  if (!(Number.isInteger(samplesPerContext) && samplesPerContext > 0)) {
    throw new BicotError(
      'value',
      `sampleCompletions: samplesPerContext is ${samplesPerContext} but must be a positive whole number.`,
    );
  }
  const tokens = tokenSpaceOf(policy, space);
  const maxTokens = sampling.maxTokens ?? (tokens.kind === 'image' ? tokens.length : undefined);
  if (maxTokens === undefined) {
    throw new BicotError(
      'value',
      `sampleCompletions: sampling.maxTokens is missing. Text has no length of its own: say how many tokens space '${space}' may emit.`,
    );
  }
  if (tokens.kind === 'image' && maxTokens > tokens.length) {
    throw new BicotError(
      'value',
      `sampleCompletions: sampling.maxTokens is ${maxTokens} but an image of space '${space}' has ${tokens.length} tokens. Leave maxTokens out.`,
    );
  }
  return maxTokens;
}

function startSession<Context>(
  policy: Policy<Context>,
  contexts: readonly Context[],
  request: SampleRequest<Context>,
  maxTokens: number,
): DecodingSession {
  const shared = shareContexts(contexts);
  const options = { samplesPerContext: request.samplesPerContext * shared.repeats, maxTokens };
  return policy.startDecoding === undefined
    ? recomputeDecoding(policy, shared.contexts, request.space, options)
    : policy.startDecoding(shared.contexts, request.space, options);
}

/** `[a, a, b, b]` is `[a, b]` twice each, if the runs have one length: the policy then computes each once. */
export function shareContexts<Context>(contexts: readonly Context[]): {
  contexts: readonly Context[];
  repeats: number;
} {
  let repeats = 1;
  while (repeats < contexts.length && contexts[repeats] === contexts[0]) repeats++;
  const even = contexts.length % repeats === 0;
  if (!even || !contexts.every((context, i) => context === contexts[i - (i % repeats)])) {
    return { contexts, repeats: 1 };
  }
  return { contexts: contexts.filter((_, i) => i % repeats === 0), repeats };
}

interface Recording {
  token(row: number, t: number, drawn: DrawnTokens, place: number): void;
  finish(): Completions;
}

/** Collects tokens at the full width and cuts everything to the longest row at the end. */
function recordingOf(
  rows: number,
  maxTokens: number,
  vocabulary: number,
  sampling: SamplingOptions,
): Recording {
  const ids = new Int32Array(rows * maxTokens);
  const lengths = new Int32Array(rows);
  const logProbs = new Float32Array(rows * maxTokens);
  const entropy = new Float32Array(rows * maxTokens);
  const bytes = keptBytes(vocabulary);
  const records = sampling.recordKept === true && isTruncated(sampling, vocabulary);
  const bits = records ? new Uint8Array(rows * maxTokens * bytes) : undefined;
  return {
    token(row, t, drawn, place) {
      const at = row * maxTokens + t;
      ids[at] = drawn.ids[place] as number;
      logProbs[at] = drawn.logProbs[place] as number;
      entropy[at] = drawn.entropies[place] as number;
      lengths[row] = t + 1;
      if (bits && drawn.kept) bits.set(drawn.kept.subarray(place * bytes, (place + 1) * bytes), at * bytes);
    },
    finish() {
      const width = lengths.reduce((a, b) => Math.max(a, b), 0);
      return {
        completion: { ids: narrowed(ids, rows, width), lengths, rows, width },
        behaviourLogProbs: narrowed(logProbs, rows, width),
        entropy: narrowed(entropy, rows, width),
        ...(bits && { kept: { bits: narrowed(bits, rows, width * bytes), rows, width, vocabulary } }),
      };
    },
  };
}

/** The first `width` columns of each row. */
function narrowed<A extends Int32Array | Float32Array | Uint8Array>(
  values: A,
  rows: number,
  width: number,
): A {
  const stride = values.length / rows;
  if (stride === width) return values;
  const result = values.slice(0, rows * width) as A;
  for (let r = 1; r < rows; r++) {
    result.set(values.subarray(r * stride, r * stride + width), r * width);
  }
  return result;
}

/** How long the sampler may keep the event loop to itself. */
const PAUSE_EVERY_MS = 50;

/**
 * Lets timers, signals and the page have a turn now and then: on backends that compute synchronously, reading
 * a tensor never does. It changes when things happen, not what.
 */
function eventPause(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < PAUSE_EVERY_MS) return;
    await turn();
    last = performance.now();
  };
}

function throwIfAborted(signal: AbortSignal | undefined, tokens: number): void {
  if (signal?.aborted) {
    throw new BicotError('aborted', `Sampling was aborted after ${tokens} tokens.`, { cause: signal.reason });
  }
}

function nonFiniteLogits(space: string, row: number, step: number): BicotError {
  return new BicotError(
    'non-finite',
    `Sampling space '${space}': a logit of row ${row} at step ${step} is NaN or infinite. The weights may have diverged (lower the learning rate, clip gradients); to forbid a token give it a logit of -1e9, not -Infinity.`,
  );
}
