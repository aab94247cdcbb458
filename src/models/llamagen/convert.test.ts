import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halvesChannel, publishedRotaryWeight, rotaryWeight } from './convert.js';

/** Each pair of channels, as complex numbers times e^(i·angle); `pair(i)` says which channels make the ith pair. */
function turn(x: number[], angles: number[], pair: (i: number) => [number, number]): number[] {
  const result = [...x];
  angles.forEach((angle, i) => {
    const [re, im] = pair(i);
    const [a, b] = [x[re] as number, x[im] as number];
    result[re] = a * Math.cos(angle) - b * Math.sin(angle);
    result[im] = b * Math.cos(angle) + a * Math.sin(angle);
  });
  return result;
}

const dot = (x: number[], y: number[]): number =>
  x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);

describe('halvesChannel', () => {
  it('makes turning halves what turning neighbours was', () => {
    const numbers = (length: number) =>
      fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: length, maxLength: length });
    const head = fc
      .integer({ min: 1, max: 8 })
      .chain((pairs) => fc.tuple(numbers(2 * pairs), numbers(2 * pairs), numbers(pairs), numbers(pairs)));
    fc.assert(
      fc.property(head, ([query, key, queryAngles, keyAngles]) => {
        const size = query.length;
        const permuted = (x: number[]): number[] => {
          const result = new Array<number>(size).fill(Number.NaN);
          x.forEach((value, channel) => {
            result[halvesChannel(channel, size)] = value;
          });
          return result;
        };
        const neighbours = (i: number): [number, number] => [2 * i, 2 * i + 1];
        const halves = (i: number): [number, number] => [i, i + size / 2];
        const before = dot(turn(query, queryAngles, neighbours), turn(key, keyAngles, neighbours));
        const after = dot(turn(permuted(query), queryAngles, halves), turn(permuted(key), keyAngles, halves));
        expect(after).toBeCloseTo(before, 10);
      }),
    );
  });

  it('stays within a head', () => {
    expect(Array.from({ length: 8 }, (_, channel) => halvesChannel(channel, 4))).toEqual([
      0, 2, 1, 3, 4, 6, 5, 7,
    ]);
  });
});

describe('rotaryWeight', () => {
  it('transposes, and permutes the channels of each head', () => {
    // Two heads of 4 channels. The number in row o and column i is 100 o + i.
    const width = 8;
    const weight = Float32Array.from({ length: width * width }, (_, n) => {
      return 100 * Math.floor(n / width) + (n % width);
    });
    const channels = [0, 2, 1, 3, 4, 6, 5, 7];
    const expected = Array.from({ length: width }, (_, i) => channels.map((channel) => 100 * channel + i));
    expect([...rotaryWeight(weight, width, 2)]).toEqual(expected.flat());
  });

  it('can be taken back', () => {
    const weight = Float32Array.from({ length: 144 }, (_, n) => n);
    for (const heads of [1, 2, 3, 6]) {
      expect(publishedRotaryWeight(rotaryWeight(weight, 12, heads), 12, heads)).toEqual(weight);
    }
    expect(publishedRotaryWeight(rotaryWeight(weight, 12, 2), 12, 3)).not.toEqual(weight);
  });

  it('refuses numbers that do not fit', () => {
    for (const convert of [rotaryWeight, publishedRotaryWeight]) {
      expect(() => convert(new Float32Array(7), 8, 2)).toThrow(
        expect.objectContaining({ code: 'shape', message: expect.stringMatching(/7 numbers/) }),
      );
    }
  });
});
