import { expect } from 'vitest';

/** Every number is the one before times a factor, exactly; a fault is told by its place. */
export function expectScaled(
  now: ArrayLike<number>,
  before: ArrayLike<number>,
  factor: number,
  name: string,
): void {
  const wrong = Array.from(now).findIndex((value, i) => value !== (before[i] as number) * factor);
  expect(wrong, name).toBe(-1);
  expect(now).toHaveLength(before.length);
}
