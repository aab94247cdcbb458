import type { JanusContext } from '../../src/models/janus/sequences.js';
import { type TokenBatch, tokenBatch } from '../../src/policy/tokens.js';

/** A context of these ids. */
export const context = (ids: readonly number[]): JanusContext => ({ ids: Int32Array.from(ids) });

/** Two samples of one group, of which PyTorch's values for the tiny Janus are known: what plans are conditioned on. */
export const PROMPTS: readonly JanusContext[] = [context([1, 17, 42, 250, 99, 7]), context([1, 30, 31, 32])];

/** Their plans, end tokens included. */
export const PLANS: TokenBatch = tokenBatch([
  [60, 61, 62, 2],
  [70, 71, 2],
]);

/** What their images are conditioned on; begin-of-image last. */
export const DRAWINGS: readonly JanusContext[] = [
  context([1, 17, 42, 250, 99, 7, 60, 61, 4]),
  context([1, 30, 31, 32, 70, 4]),
];

/** Their images. */
export const IMAGES: TokenBatch = tokenBatch(
  [0, 1].map((b) => Array.from({ length: 16 }, (_, i) => (7 * i + 3 * b) % 64)),
);
