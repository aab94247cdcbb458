import { BicotError } from '../errors.js';
import type { Policy } from '../policy/policy.js';
import { concatCompletions } from '../sampling/concat.js';
import {
  assertSampleRequest,
  type Completions,
  type SampleRequest,
  type SamplingProgress,
} from '../sampling/sampler.js';
import { allInOrder } from './in-order.js';
import { assertNoTensors } from './posted.js';
import type { PostedSampling } from './protocol.js';
import type { TaskOptions } from './queue.js';

/** Who samples a chunk of rows, and how large chunks are. */
export interface ChunkSampler {
  /** For errors. */
  readonly name: string;
  readonly rowsPerTask: number;
  readonly sample: (chunk: PostedSampling, options: TaskOptions) => Promise<Completions>;
}

/**
 * Samples in chunks, side by side. Chunks of contexts and their random numbers are the same for any number of workers.
 * @throws BicotError as `sampleCompletions`, and `worker`
 */
export async function sampleByTasks<Context>(
  { name, rowsPerTask, sample }: ChunkSampler,
  policy: Policy<Context>,
  request: SampleRequest<Context>,
): Promise<Completions> {
  const tokensPerRow = assertSampleRequest(policy, request);
  const { samplesPerContext, signal } = request;
  if (signal?.aborted) {
    throw new BicotError('aborted', 'Sampling was aborted after 0 tokens.', { cause: signal.reason });
  }
  assertNoTensors(request.contexts);
  const chunks = chunksOf(request, tokensPerRow, rowsPerTask);
  const report = progressOf(
    chunks.map(({ contexts }) => contexts.length * samplesPerContext),
    tokensPerRow,
    request.onProgress,
  );
  const parts = await allInOrder(
    [...chunks.entries()],
    chunks.length,
    ([index, chunk], abort) => {
      const onTokens = report && ((tokens: number) => report(index, tokens));
      return sample(chunk, { signal: abort, onTokens });
    },
    signal,
  );
  return concatCompletions(parts, name);
}

/** Whole contexts, as many as have `rowsPerTask` rows, with one uniform number for each token that a row may have. */
function chunksOf<Context>(
  request: SampleRequest<Context>,
  tokensPerRow: number,
  rowsPerTask: number,
): PostedSampling[] {
  const { contexts, samplesPerContext, space, sampling, streams } = request;
  const size = Math.max(1, Math.floor(rowsPerTask / samplesPerContext));
  return Array.from({ length: Math.ceil(contexts.length / size) }, (_, i) => {
    const own = contexts.slice(i * size, (i + 1) * size);
    const uniforms = new Float64Array(own.length * samplesPerContext * tokensPerRow);
    for (let row = 0; row < own.length * samplesPerContext; row++) {
      const draw = streams(i * size * samplesPerContext + row);
      for (let t = 0; t < tokensPerRow; t++) uniforms[row * tokensPerRow + t] = draw();
    }
    return { contexts: own, samplesPerContext, space, sampling, uniforms, tokensPerRow };
  });
}

/** Progress of all rows together: the tokens that a row has on average. */
function progressOf(
  rows: readonly number[],
  maxTokens: number,
  onProgress: ((progress: SamplingProgress) => void) | undefined,
): ((chunk: number, tokens: number) => void) | undefined {
  if (!onProgress) return undefined;
  const tokens = new Array<number>(rows.length).fill(0);
  const total = rows.reduce((sum, count) => sum + count, 0);
  return (chunk, now) => {
    // A chunk that is done again after a crash does not go back.
    tokens[chunk] = Math.max(tokens[chunk] as number, now);
    const decoded = tokens.reduce((sum, count, i) => sum + count * (rows[i] as number), 0);
    onProgress({ tokens: Math.floor(decoded / total), maxTokens, rows: total });
  };
}
