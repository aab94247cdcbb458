import { LINEAR, PROJECTIONS, PROJECTIONS_GRAD_X } from '../fused/linear.js';
import type { WasmKernel } from './kernel.js';
import type { WasmKernels } from './module.js';

type Matrix = Parameters<WasmKernels['pointer']>[0];

/** `op(a) · op(b)`, into (`adds` 0) or onto what `out` holds. */
function product(
  kernels: WasmKernels,
  [a, transposeA]: readonly [Matrix, boolean],
  [b, transposeB]: readonly [Matrix, boolean],
  out: Matrix,
  adds = false,
): void {
  const [m, n] = out.shape as [number, number];
  const k = a.shape[transposeA ? 0 : 1] as number;
  const flags = (flag: boolean): number => (flag ? 1 : 0);
  kernels.call(
    'gemm',
    ...[m, n, k, kernels.pointer(a), flags(transposeA), kernels.pointer(b), flags(transposeB)],
    ...[kernels.pointer(out), flags(adds), kernels.scratch(kernels.call('gemmScratch', n, k))],
  );
}

const linear: WasmKernel = {
  name: LINEAR,
  compute: (kernels, { x, w }, { transposeX, transposeW }) => {
    const [a, b] = [x as Matrix, w as Matrix];
    const out = kernels.output([
      a.shape[transposeX ? 1 : 0] as number,
      b.shape[transposeW ? 0 : 1] as number,
    ]);
    product(kernels, [a, Boolean(transposeX)], [b, Boolean(transposeW)], out);
    return out;
  },
};

const projections: WasmKernel = {
  name: PROJECTIONS,
  compute: (kernels, inputs) => {
    const [x, ...weights] = Object.values(inputs) as [Matrix, ...Matrix[]];
    return weights.map((w) => {
      const out = kernels.output([x.shape[0] as number, w.shape[1] as number]);
      product(kernels, [x, false], [w, false], out);
      return out;
    });
  },
};

/** `Σ dyᵢ · wᵢᵀ`, in the order of i. */
const projectionsGradX: WasmKernel = {
  name: PROJECTIONS_GRAD_X,
  compute: (kernels, inputs, { count }) => {
    const [first, firstW] = [inputs.dy0 as Matrix, inputs.w0 as Matrix];
    const out = kernels.output([first.shape[0] as number, firstW.shape[0] as number]);
    for (let i = 0; i < (count as number); i++) {
      product(kernels, [inputs[`dy${i}`] as Matrix, false], [inputs[`w${i}`] as Matrix, true], out, i > 0);
    }
    return out;
  },
};

/** Matrix products with every transpose, and several of one input. */
export const LINEAR_KERNELS: readonly WasmKernel[] = [linear, projections, projectionsGradX];
