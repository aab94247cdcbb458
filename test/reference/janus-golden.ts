import * as tf from '@tensorflow/tfjs';
import { completionLogProbs, sampleCompletions, tokenBatch, uniformStream } from 'bicot';
import type { JanusContext, JanusPolicy } from 'bicot/models/janus';

/** What another implementation of Janus made of some tokens. */
export interface JanusGolden {
  readonly text: {
    /** `[B][T]` */
    readonly ids: readonly (readonly number[])[];
    /** `[B][T − 1]`: of ids 1… */
    readonly logprobs: readonly (readonly number[])[];
  };
  readonly image: {
    /** `[B][C]`: text ids, begin-of-image last; lengths may differ. */
    readonly context: readonly (readonly number[])[];
    readonly image_ids: readonly (readonly number[])[];
    /** Of `image_ids`, conditional, temperature 1. */
    readonly logprobs: readonly (readonly number[])[];
  };
  readonly guided_greedy: {
    readonly weight: number;
    /** `[B][length]`, from `image.context`. */
    readonly tokens: readonly (readonly number[])[];
  };
  /** Of `guided_greedy.tokens`, before they are cut to bytes. */
  readonly pixels: {
    readonly shape: readonly number[];
    /** Image 0, row 0, red, x = 0…7. */
    readonly first_row_first8: readonly number[];
    readonly mean: number;
    /** Unbiased. */
    readonly std: number;
  };
}

/** One comparison. */
export interface GoldenCheck {
  readonly name: string;
  /** The largest difference, or the number of tokens that differ. */
  readonly difference: number;
  /** The largest that passes. */
  readonly tolerance: number;
}

/** What differences pass: log-probs, pixels. Tokens must be the same. */
export const JANUS_TOLERANCES = { logProbs: 2e-4, pixels: 1e-3 };

/**
 * Compares a policy with a golden.
 * @param pictures whether to draw and decode as well, or to compare log-probs alone. Default true
 */
export async function compareWithGolden(
  policy: JanusPolicy,
  golden: Omit<JanusGolden, 'guided_greedy' | 'pixels'> & Partial<JanusGolden>,
  pictures = true,
): Promise<GoldenCheck[]> {
  const checks: GoldenCheck[] = [];
  const check = (name: string, difference: number, tolerance: number) =>
    void checks.push({ name, difference, tolerance });

  const { text, image, guided_greedy: greedy, pixels } = golden;
  const ids = text.ids.map((row) => Int32Array.from(row));
  const textLogProbs = await logProbs(
    policy,
    ids.map((row) => ({ ids: row.slice(0, 1) })),
    ids.map((row) => row.slice(1)),
    'text',
  );
  check('text log-probs', largestDifference(textLogProbs, text.logprobs), JANUS_TOLERANCES.logProbs);

  const contexts = image.context.map((row) => ({ ids: Int32Array.from(row) }));
  const imageLogProbs = await logProbs(policy, contexts, image.image_ids, 'image');
  check('image log-probs', largestDifference(imageLogProbs, image.logprobs), JANUS_TOLERANCES.logProbs);

  if (!pictures || !greedy || !pixels) return checks;
  const { completion } = await sampleCompletions(policy, {
    ...{ contexts, samplesPerContext: 1, space: 'image' },
    sampling: { topK: 1, guidance: { scale: greedy.weight } },
    streams: (row) => uniformStream('golden', row),
  });
  const drawn = greedy.tokens.map((_, row) =>
    Array.from(completion.ids.slice(row * completion.width, (row + 1) * completion.width)),
  );
  const wrong = drawn.flatMap((row, b) => row.filter((token, t) => token !== greedy.tokens[b]?.[t]));
  check('guided greedy tokens', wrong.length, 0);

  const decoded = policy.pixels(tokenBatch(greedy.tokens));
  const values = (await decoded.data()) as Float32Array;
  const shape = [...decoded.shape];
  decoded.dispose();
  const differs = shape.join() === pixels.shape.join() ? 0 : 1;
  check(`pixels: shape [${shape.join(', ')}]`, differs, 0);
  const first = pixels.first_row_first8.map((_, x) => values[3 * x] as number);
  check('pixels: first row', largestDifference([first], [pixels.first_row_first8]), JANUS_TOLERANCES.pixels);
  const { mean, std } = moments(values);
  check('pixels: mean', Math.abs(mean - pixels.mean), JANUS_TOLERANCES.pixels);
  check('pixels: standard deviation', Math.abs(std - pixels.std), JANUS_TOLERANCES.pixels);
  return checks;
}

async function logProbs(
  policy: JanusPolicy,
  contexts: readonly JanusContext[],
  rows: readonly ArrayLike<number>[],
  space: string,
): Promise<number[][]> {
  const completion = tokenBatch(rows);
  const scored = tf.tidy(() => completionLogProbs(policy, { contexts, completion, space }));
  const values = (await scored.data()) as Float32Array;
  scored.dispose();
  return rows.map((row, b) =>
    Array.from(values.slice(b * completion.width, b * completion.width + row.length)),
  );
}

function largestDifference(
  actual: readonly (readonly number[])[],
  expected: readonly (readonly number[])[],
): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  expected.forEach((row, b) => {
    if (actual[b]?.length !== row.length) largest = Number.POSITIVE_INFINITY;
    row.forEach((value, t) => {
      const difference = Math.abs((actual[b]?.[t] as number) - value);
      // NaN must not pass.
      if (!(difference <= largest))
        largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    });
  });
  return largest;
}

function moments(values: Float32Array): { mean: number; std: number } {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, std: Math.sqrt(squares / (values.length - 1)) };
}
