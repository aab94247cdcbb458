import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectNoLeak } from '../../../test/support/backends.js';
import {
  describeFused,
  expectClose,
  expectRowsIndependent,
  normals,
  pickRows,
  seeds,
  withComposed,
} from '../../../test/support/kernel-properties.js';
import type { SamplingOptions } from '../../policy/distribution.js';
import { type DrawnTokens, tokenDrawer } from '../../sampling/draw.js';
import { fillDistribution, logitsScratch } from '../../sampling/logits.js';
import { uniformStream } from '../../tensor/noise.js';
import { DRAW_TOKENS } from './draw-tokens.js';

/** Rows to be drawn from. */
interface Draw {
  readonly vocabulary: number;
  readonly sampling: SamplingOptions;
  readonly guided: boolean;
  /** `[n, V]`, or `[2n, V]` with guidance. */
  readonly logits: Float32Array;
  readonly uniforms: Float64Array;
}

async function drawn({ vocabulary, sampling, guided, logits, uniforms }: Draw): Promise<DrawnTokens> {
  const tensor = tf.tensor2d(logits, [logits.length / vocabulary, vocabulary]);
  const tokens = await tokenDrawer(vocabulary, sampling, guided)(tensor, uniforms);
  tensor.dispose();
  return tokens;
}

/** Cumulative probabilities of a row, in float64. */
function boundariesOf(
  { vocabulary, sampling, guided, logits }: Omit<Draw, 'uniforms'>,
  row: number,
): number[] {
  const scratch = logitsScratch(vocabulary);
  const unconditional = guided ? logits.subarray(logits.length / 2) : undefined;
  fillDistribution(scratch, logits, unconditional, row * vocabulary, sampling);
  let sum = 0;
  return [...scratch.weights].map((weight) => {
    sum += weight / scratch.total;
    return sum;
  });
}

/** A multiple of 2⁻³² that no boundary is near: in float32, weights end elsewhere. */
function uniformAway(boundaries: readonly number[], margin: number, stream: () => number): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const uniform = Math.floor(stream() * 2 ** 32) / 2 ** 32;
    if (boundaries.every((boundary) => Math.abs(boundary - uniform) > margin)) return uniform;
  }
  throw new Error('no uniform number is far from all boundaries');
}

/** The last bits of a float32 logit are what its size makes them. */
const magnitudeOf = ({ logits, sampling: { guidance, temperature = 1 } }: Omit<Draw, 'uniforms'>): number =>
  Math.max(1, (Math.max(...logits) * (guidance?.scale ?? 1)) / temperature / 10);

const draws = fc
  .record({
    rows: fc.integer({ min: 1, max: 9 }),
    vocabulary: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1000, max: 3000 })),
    scale: fc.constantFrom(1e-3, 1, 5),
    temperature: fc.constantFrom(undefined, 0.5, 1, 1.7),
    guidance: fc.constantFrom(undefined, 1, 3, 7.5),
    seed: seeds,
  })
  .map(({ rows, vocabulary, scale, temperature, guidance, seed }): Draw => {
    const guided = guidance !== undefined;
    const sampling = { temperature, ...(guided && { guidance: { scale: guidance } }) };
    const logits = normals(seed, (guided ? 2 : 1) * rows * vocabulary, scale);
    const stream = uniformStream('draw', seed);
    const draw = { vocabulary, sampling, guided, logits };
    const margin = 1e-6 * magnitudeOf(draw);
    const uniforms = Float64Array.from({ length: rows }, (_, row) =>
      uniformAway(boundariesOf(draw, row), margin, stream),
    );
    return { ...draw, uniforms };
  });

const of = (
  logits: readonly number[],
  uniforms: readonly number[],
  sampling: SamplingOptions = {},
): Draw => ({
  ...{ vocabulary: logits.length / uniforms.length, sampling, guided: false },
  ...{ logits: Float32Array.from(logits), uniforms: Float64Array.from(uniforms) },
});

describeFused('drawing tokens', [DRAW_TOKENS], () => {
  it('gives what the host draws, with its log-probs and entropies', () =>
    fc.assert(
      fc.asyncProperty(draws, async (draw) => {
        const device = await drawn(draw);
        const host = await withComposed(() => drawn(draw));
        expect([...Array.from(device.ids)]).toEqual([...Array.from(host.ids)]);
        const tolerance = 1e-5 * magnitudeOf(draw);
        expectClose(device.logProbs, host.logProbs, tolerance, 1);
        expectClose(device.entropies, host.entropies, tolerance, 1);
      }),
      { numRuns: 60 },
    ));

  it('draws by inverse CDF in vocabulary order, of a distribution with exact boundaries', async () => {
    // Probabilities 1/4, 1/2, 0, 1/4.
    const row = [0, Math.log(2), -1e9, 0];
    const uniforms = [0, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 2 ** -32];
    const { ids, logProbs } = await drawn(
      of(
        uniforms.flatMap(() => row),
        uniforms,
      ),
    );
    expect(Array.from(ids)).toEqual([0, 0, 1, 1, 3, 3]);
    expect(logProbs).toBeAllclose([0.25, 0.25, 0.5, 0.5, 0.25, 0.25].map(Math.log));
  });

  it('finds the exact boundaries of a vocabulary as large as those of text', async () => {
    const vocabulary = 2 ** 17;
    const drawnIds = [0, 1, 255, 256, 65_537, vocabulary - 1];
    // The first and the last number that draw a token, of which all are equally likely.
    const uniforms = Float64Array.from(
      drawnIds.flatMap((id) => [id / vocabulary, (id + 1) / vocabulary - 2 ** -32]),
    );
    const logits = new Float32Array(uniforms.length * vocabulary).fill(-3);
    const { ids, entropies } = await drawn({ vocabulary, sampling: {}, guided: false, logits, uniforms });
    expect(Array.from(ids)).toEqual(drawnIds.flatMap((id) => [id, id]));
    expect(entropies).toBeAllclose(drawnIds.flatMap(() => [17 * Math.LN2, 17 * Math.LN2]));
  });

  it('never draws a token of weight 0, at either end', async () => {
    const uniforms = [0, 1 - 2 ** -32];
    const row = [-1e9, -1e9, 1, 1, -1e9];
    expect(Array.from((await drawn(of([...row, ...row], uniforms))).ids)).toEqual([2, 3]);
  });

  it('knows the entropy beside masks as large as float32 has, at any temperature', async () => {
    const least = -3.4e38;
    for (const temperature of [0.1, 1, 2]) {
      const { ids, logProbs, entropies } = await drawn(
        of([1, least, 1, least, least], [0.7], { temperature }),
      );
      expect(Array.from(ids)).toEqual([2]);
      expect(logProbs).toBeAllclose([-Math.LN2]);
      expect(entropies).toBeAllclose([Math.LN2]);
    }
  });

  it('says −1 of a row that is not finite, and draws the others', async () => {
    for (const vocabulary of [1, 3, 4, 6, 9]) {
      for (let at = 0; at < vocabulary; at++) {
        for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const logits = normals('logits', 3 * vocabulary);
          logits[vocabulary + at] = bad;
          const draw = of([...logits], [0.5, 0.5, 0.5]);
          const device = await drawn(draw);
          expect(device.ids[1]).toBe(-1);
          expect(Array.from(device.ids)).toEqual(Array.from((await withComposed(() => drawn(draw))).ids));
          const guided = { ...draw, guided: true, sampling: { guidance: { scale: 2 } } };
          const both = Float32Array.from([...normals('conditional', 3 * vocabulary), ...logits]);
          expect(Array.from((await drawn({ ...guided, logits: both })).ids).map((id) => id < 0)).toEqual([
            false,
            true,
            false,
          ]);
        }
      }
    }
  });

  it('gives a row the same bits in any batch', async () => {
    for (const vocabulary of [1, 7, 64, 101]) {
      const logits = normals('logits', 22 * vocabulary, 2);
      const uniforms = normals('uniforms', 11).map((value) => Math.abs(value) % 1);
      await expectRowsIndependent(11, async (rows) => {
        const both = [...rows, ...rows.map((row) => row + 11)];
        const { ids, logProbs, entropies } = await drawn({
          ...{ vocabulary, guided: true, sampling: { temperature: 0.8, guidance: { scale: 3 } } },
          logits: (await pickRows(logits, vocabulary, both).data()) as Float32Array,
          uniforms: Float64Array.from(rows, (row) => uniforms[row] as number),
        });
        return Float32Array.from(rows.flatMap((_, i) => [ids[i], logProbs[i], entropies[i]] as number[]));
      });
    }
  });

  it('leaves no tensors behind', async () => {
    const draw = of([1, 2, 3], [0.5]);
    await expectNoLeak(async () => void (await drawn(draw)));
  });
});
