import { describe, expect, it } from 'vitest';
import { gradientMemory } from './gradient-memory.js';

const LAYOUT = [
  { name: 'a', shape: [2], offset: 0, size: 2 },
  { name: 'b', shape: [1, 1], offset: 2, size: 1 },
];

describe('memory for gradients', () => {
  it('is read by name, without those that have no gradient', () => {
    const memory = gradientMemory(LAYOUT);
    const own = memory.take();
    new Float32Array(own).set([1, 2, 3]);
    const logProbs = Float32Array.of(-1);
    const pass = memory.passIn(own, { loss: 0.5, logProbs, names: ['b'] });
    expect(pass).toMatchObject({ loss: 0.5, logProbs, gradients: { b: Float32Array.of(3) } });
    expect(Object.keys(pass.gradients)).toEqual(['b']);
  });

  it('is used again when it is released, and by one pass at a time', () => {
    const memory = gradientMemory(LAYOUT);
    const [first, second] = [memory.take(), memory.take()];
    expect(first).not.toBe(second);
    const pass = memory.passIn(first, { loss: 0, logProbs: new Float32Array(1), names: ['a'] });
    expect([first, second]).not.toContain(memory.take());
    pass.release();
    pass.release();
    expect(memory.take()).toBe(first);
    expect(memory.take()).not.toBe(first);
  });
});
