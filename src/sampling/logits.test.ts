import { describe, expect, it } from 'vitest';
import type { SamplingOptions } from '../policy/distribution.js';
import { normalValues, uniformInteger, uniformStream } from '../tensor/noise.js';
import { type DrawnToken, drawToken, fillDistribution, logitsScratch, writeKept } from './logits.js';
import { selectLargest } from './truncation.js';

/** The kept indices and their probabilities, by sorting everything. */
function reference(
  conditional: readonly number[],
  unconditional: readonly number[],
  { temperature = 1, topK = 0, topP = 1, guidance }: SamplingOptions,
): Map<number, number> {
  const scale = guidance?.scale ?? 1;
  const logits = conditional.map((c, v) => {
    const u = unconditional[v] as number;
    return (u + scale * (c - u)) / temperature;
  });
  let kept = logits.map((_, v) => v).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
  if (topK > 0) kept = kept.slice(0, topK);
  const probabilities = (of: number[]) => {
    const max = logits[of[0] as number] as number;
    const weights = of.map((v) => Math.exp((logits[v] as number) - max));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  };
  if (topP < 1) {
    let sum = 0;
    const ps = probabilities(kept);
    kept = kept.filter((_, i) => {
      const before = sum;
      sum += ps[i] as number;
      return before < topP;
    });
  }
  const ps = probabilities(kept);
  return new Map(kept.map((v, i) => [v, ps[i] as number]));
}

const draw = (scratch: ReturnType<typeof logitsScratch>, uniform: number): DrawnToken => {
  const drawn = { id: -1, logProb: 0, entropy: 0 };
  drawToken(scratch, uniform, drawn);
  return drawn;
};

describe('fillDistribution and drawToken', () => {
  const V = 40;
  const stream = uniformStream('logits');
  const conditional = Float32Array.from(normalValues(stream, 3 * V), (value) => value * 2);
  const unconditional = Float32Array.from(normalValues(stream, 3 * V));
  const cases: SamplingOptions[] = [
    {},
    { temperature: 0.6 },
    { topK: 5 },
    { topK: 1 },
    { topK: 400 },
    { topP: 0.7 },
    { topP: 1e-9 },
    { topK: 12, topP: 0.8, temperature: 1.7 },
    { guidance: { scale: 3 } },
    { guidance: { scale: 4 }, temperature: 0.9, topK: 20, topP: 0.95 },
  ];

  it.each(cases)('equal the distribution worked out by hand: %o', (sampling) => {
    const scratch = logitsScratch(V);
    for (let row = 0; row < 3; row++) {
      const guided = sampling.guidance !== undefined;
      expect(
        fillDistribution(scratch, conditional, guided ? unconditional : undefined, row * V, sampling),
      ).toBe(true);
      const range = [row * V, (row + 1) * V] as const;
      const exact = reference([...conditional.slice(...range)], [...unconditional.slice(...range)], sampling);
      expect(scratch.weights.filter((weight) => weight > 0).length).toBe(exact.size);
      expect(scratch.keptCount).toBe(exact.size);

      // Walk the inverse CDF: just inside both ends of each token's interval the draw must be that token.
      const entropy = -[...exact.values()].reduce((sum, p) => sum + p * Math.log(p), 0);
      let below = 0;
      for (const [id, p] of [...exact].sort(([a], [b]) => a - b)) {
        // An interval of this size is lost in the rounding of the uniform number itself.
        for (const inside of p > 1e-9 ? [0.001, 0.999] : []) {
          const drawn = draw(scratch, below + inside * p);
          expect(drawn.id).toBe(id);
          expect(drawn.logProb).toBeCloseTo(Math.log(p), 10);
          expect(drawn.entropy).toBeCloseTo(entropy, 10);
        }
        below += p;
      }
    }
  });

  it('record what truncation kept', () => {
    const scratch = logitsScratch(V);
    fillDistribution(scratch, conditional, undefined, 0, { topK: 6 });
    const bits = new Uint8Array(5 + 3);
    writeKept(scratch, bits, 3);
    const kept = Array.from({ length: V }, (_, v) => v).filter(
      (v) => ((bits[3 + (v >> 3)] as number) >> (v & 7)) & 1,
    );
    const exact = reference([...conditional.slice(0, V)], new Array(V).fill(0), { topK: 6 });
    expect(kept).toEqual([...exact.keys()].sort((a, b) => a - b));
    expect([...bits.slice(0, 3)]).toEqual([0, 0, 0]);
  });

  it('survive extreme but finite logits and uniforms', () => {
    const scratch = logitsScratch(4);
    fillDistribution(scratch, Float32Array.of(-1e9, 3e38, 0, -3e38), undefined, 0, {});
    expect(draw(scratch, 0)).toEqual({ id: 1, logProb: 0, entropy: 0 });
    expect(draw(scratch, 1 - 2 ** -53).id).toBe(1);
    fillDistribution(scratch, Float32Array.of(0, 0, 0, -1e9), undefined, 0, {});
    expect(draw(scratch, 0).id).toBe(0);
    expect(draw(scratch, 1 - 2 ** -32).id).toBe(2);
  });

  it('notice logits that are not finite, wherever they are', () => {
    const scratch = logitsScratch(3);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let at = 0; at < 3; at++) {
        const row = Float32Array.of(1, 2, 3);
        row[at] = bad;
        expect(fillDistribution(scratch, row, undefined, 0, {})).toBe(false);
        expect(fillDistribution(scratch, Float32Array.of(1, 2, 3), row, 0, { guidance: { scale: 2 } })).toBe(
          false,
        );
      }
    }
  });
});

describe('selectLargest', () => {
  it('chooses what sorting chooses, ties included', () => {
    const stream = uniformStream('select');
    for (let trial = 0; trial < 300; trial++) {
      const count = 1 + uniformInteger(stream, 30);
      // Few distinct values make many ties.
      const values = Float64Array.from({ length: count }, () => uniformInteger(stream, 6));
      const sorted = Array.from({ length: count }, (_, i) => i).sort(
        (a, b) => (values[b] as number) - (values[a] as number) || a - b,
      );
      const k = 1 + uniformInteger(stream, count);
      const order = Int32Array.from({ length: count }, (_, i) => i);
      expect(selectLargest(order, count, values, undefined, k)).toBe(k);
      expect([...order.slice(0, k)].sort()).toEqual(sorted.slice(0, k).sort());

      const total = values.reduce((a, b) => a + b, 0);
      const target = Math.ceil(total * 0.6);
      let weight = 0;
      const needed = sorted.findIndex((i) => {
        weight += values[i] as number;
        return weight >= target;
      });
      expect(selectLargest(order, count, values, values, target)).toBe(total === 0 ? 1 : needed + 1);
    }
  });
});
