import { type PackedLinear, packLinear } from '../../kernels/packed-linear.js';
import { type Matrix, weightOf } from './matrix.js';

/** `packLinear` of matrices, with what their adapters add. */
export function packMatrices(matrices: readonly Matrix[]): PackedLinear {
  return packLinear(matrices.map(weightOf));
}
