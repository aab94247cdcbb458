import { describe, expect, it } from 'vitest';
import { pickHostRows, scatterHostRows } from './host-rows.js';

describe('rows on the host', () => {
  const matrix = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);

  it('are picked in any order, narrower if asked for, without sharing memory', () => {
    expect(pickHostRows(matrix, 3, [2, 0])).toEqual(Float32Array.of(7, 8, 9, 1, 2, 3));
    const narrow = pickHostRows(matrix, 3, [1, 1, 2], 2);
    expect(narrow).toEqual(Float32Array.of(4, 5, 4, 5, 7, 8));
    narrow.fill(0);
    expect(matrix[3]).toBe(4);
    expect(pickHostRows(Uint8Array.of(1, 2), 1, [])).toEqual(new Uint8Array(0));
  });

  it('are put back where they came from', () => {
    const into = new Float32Array(9);
    scatterHostRows(into, 3, [2, 0], Float32Array.of(7, 8, 1, 2), 2);
    expect(into).toEqual(Float32Array.of(1, 2, 0, 0, 0, 0, 7, 8, 0));
  });
});
