import * as tf from '@tensorflow/tfjs';
import { withRecipe } from '../../recipe.js';
import { type ClipRange, checkClipRange, clip, isClipped } from '../clip.js';
import type { Surrogate } from './surrogate.js';

/** The clip of PPO and GRPO. */
export const PPO_CLIP: ClipRange = { low: 0.2, high: 0.2 };

/**
 * PPO's clipped loss, `−min(min(r, δ)·A, clip(r, 1 − low, 1 + high)·A)`; see `clip`.
 * @param range default ε = 0.2 on both sides
 * @throws BicotError `value` for a range that makes no sense
 */
export function clipped(range: ClipRange = PPO_CLIP): Surrogate {
  checkClipRange('clipped', range);
  const { low, high, delta } = range;
  const surrogate: Surrogate = {
    name: 'clipped',
    settings: { low, high, ...(delta !== undefined && { delta }) },
    loss: ({ ratio, advantages }) => tf.neg(clip(ratio, advantages, range)),
    stops: (ratio, advantage) => isClipped(ratio, advantage, range),
  };
  return withRecipe(surrogate, 'clipped', [range]);
}

/** `−r·A`, without a clip: for one update per batch, where r is 1 (T2I-R1). */
export function unclipped(): Surrogate {
  const surrogate: Surrogate = {
    name: 'unclipped',
    loss: ({ ratio, advantages }) => tf.neg(tf.mul(ratio, advantages)),
  };
  return withRecipe(surrogate, 'unclipped', []);
}
