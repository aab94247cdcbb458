import type * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { isFused } from './choice.js';
import { composedSwiglu } from './composed/swiglu.js';
import { fusedSwiglu, SWIGLU } from './fused/swiglu.js';

/**
 * The gated activation of SwiGLU (Shazeer 2020): `silu(gate) · up`.
 * @param gate `[N, f]`
 * @param up `[N, f]`
 * @returns `[N, f]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function swiglu(gate: tf.Tensor2D, up: tf.Tensor2D): tf.Tensor2D {
  assertShape('swiglu: up', up, gate.shape, '[N, f]');
  return isFused(SWIGLU, [gate, up]) ? fusedSwiglu(gate, up) : composedSwiglu(gate, up);
}
