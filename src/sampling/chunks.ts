import { assertNumber, POSITIVE_INTEGER } from '../options.js';
import { concatCompletions } from './concat.js';
import { type Completions, type SampleFunction, type SampleRequest, sampleCompletions } from './sampler.js';

/**
 * Samples some rows after the other, so that caches are those of a few: memory, not results, which never depend on what is
 * decoded side by side.
 * @param rows decoded side by side; with guidance each has an unconditional twin beside it
 * @param sample what samples each part. Default `sampleCompletions`
 * @throws BicotError `value` unless `rows` is a positive whole number
 */
export function sampleInChunks(rows: number, sample: SampleFunction = sampleCompletions): SampleFunction {
  assertNumber('sampleInChunks', 'rows', rows, POSITIVE_INTEGER);
  return async (policy, request) => {
    const chunks = chunksOf(request, rows);
    if (chunks.length <= 1) return sample(policy, request);
    const parts: Completions[] = [];
    const total = request.contexts.length * request.samplesPerContext;
    for (const [i, chunk] of chunks.entries()) {
      const { onProgress } = request;
      parts.push(
        await sample(policy, {
          ...chunk,
          // As if all went on together: tokens of the rows before count, spread over all.
          onProgress:
            onProgress &&
            (({ tokens, maxTokens }) =>
              onProgress({
                tokens: Math.floor((i * maxTokens + tokens) / chunks.length),
                maxTokens,
                rows: total,
              })),
        }),
      );
    }
    return concatCompletions(parts, 'sampleInChunks');
  };
}

/** Whole contexts, as many as have so many rows; a context with more rows is cut itself. */
function chunksOf<Context>(request: SampleRequest<Context>, rows: number): SampleRequest<Context>[] {
  const { contexts, samplesPerContext, streams } = request;
  const chunks: SampleRequest<Context>[] = [];
  const add = (from: number, count: number, samples: number, first: number) =>
    chunks.push({
      ...request,
      contexts: contexts.slice(from, from + count),
      samplesPerContext: samples,
      streams: (row) => streams(first + row),
    });
  if (samplesPerContext > rows) {
    for (let c = 0; c < contexts.length; c++) {
      for (let s = 0; s < samplesPerContext; s += rows) {
        add(c, 1, Math.min(rows, samplesPerContext - s), c * samplesPerContext + s);
      }
    }
    return chunks;
  }
  const size = Math.floor(rows / samplesPerContext);
  for (let c = 0; c < contexts.length; c += size) {
    add(c, Math.min(size, contexts.length - c), samplesPerContext, c * samplesPerContext);
  }
  return chunks;
}
