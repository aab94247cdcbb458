import type * as tf from '@tensorflow/tfjs';
import { TOKEN_LOG_PROBS, TOKEN_LOG_PROBS_GRAD } from '../fused/token-log-probs.js';
import { sizeOf, type WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { FINITE } from './wgsl/finite.js';
import { rowBits, rowMax, rowSum } from './wgsl/reduce.js';
import { WEIGHT } from './wgsl/weight.js';

/** A workgroup per row: of a vocabulary of 102,400, each of these reads 400 logits. */
const ROW_WORKGROUP = 256;
const WORKGROUP = 64;

/**
 * In one pass: each lane keeps the largest logit so far and Σ exp relative to it. What is not finite is found by its
 * bits, since neither max nor a comparison need let it through; −∞ is a token that can't come.
 */
const FORWARD: WebGpuProgram = {
  name: TOKEN_LOG_PROBS,
  inputs: { logits: 'f32', targets: 'i32' },
  outputs: { logProbs: 'f32', normalizers: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  workgroup: ROW_WORKGROUP,
  source: `${FINITE}${rowBits(ROW_WORKGROUP)}${rowMax(ROW_WORKGROUP)}${rowSum(ROW_WORKGROUP)}
fn main(row: u32, lane: u32) {
  if (row >= params.rows) { return; }
  let begin = row * params.width;
  var bad = 0u;
  var most = -3.4028234e38;
  var sum = 0.0;
  for (var j = lane; j < params.width; j += ${ROW_WORKGROUP}u) {
    let logit = logits[begin + j];
    let special = specialBits(logit);
    if (special != 0xff800000u) {
      bad |= special;
      let rise = logit - most;
      let ratio = exp(-abs(rise));
      sum = select(sum + ratio, sum * ratio + 1.0, rise > 0.0);
      most = max(most, logit);
    }
  }
  let wrong = rowBits(lane, bad);
  let peak = rowMax(lane, most);
  let total = rowSum(lane, sum * exp(most - peak));
  if (lane > 0u) { return; }
  let tail = log(total);
  normalizers[row] = peak + tail;
  let id = bitcast<u32>(targets[row]);
  if (wrong != 0u) {
    normalizers[row] = nanOf(wrong);
    logProbs[row] = nanOf(wrong);
  } else if (id < params.width) {
    logProbs[row] = (logits[begin + id] - peak) - tail;
  } else {
    logProbs[row] = nanOf(id);
  }
}`,
};

/** dy · (onehot − exp(logits − normalizers)) */
const BACKWARD: WebGpuProgram = {
  name: TOKEN_LOG_PROBS_GRAD,
  inputs: { logits: 'f32', targets: 'i32', normalizers: 'f32', dy: 'f32' },
  outputs: { dLogits: 'f32' },
  params: { size: 'u32', width: 'u32' },
  workgroup: WORKGROUP,
  source: `${FINITE}${WEIGHT}
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.size) { return; }
  let row = i / params.width;
  let g = dy[row];
  let normalizer = normalizers[row];
  let wrong = specialBits(normalizer) | specialBits(g);
  if ((bitcast<u32>(g) << 1u) == 0u) {
    dLogits[i] = 0.0; // a token without a gradient, such as padding, costs no exponentials
  } else if (wrong != 0u) {
    dLogits[i] = nanOf(wrong);
  } else {
    let own = select(0.0, 1.0, i - row * params.width == bitcast<u32>(targets[row]));
    dLogits[i] = g * own - g * weight(logits[i] - normalizer);
  }
}`,
};

/** Log-softmax and pick, and its gradient, without a tensor of probabilities. */
export const TOKEN_LOG_PROBS_KERNELS: readonly WebGpuKernel[] = [
  {
    name: TOKEN_LOG_PROBS,
    compute: ({ output, run }, inputs) => {
      const { logits, targets } = inputs as Readonly<Record<'logits' | 'targets', tf.TensorInfo>>;
      const [rows, width] = logits.shape as [number, number];
      const [logProbs, normalizers] = [output([rows]), output([rows])];
      run(FORWARD, {
        tensors: { logits, targets, logProbs, normalizers },
        params: { rows, width },
        groups: rows,
      });
      return [logProbs, normalizers];
    },
  },
  {
    name: TOKEN_LOG_PROBS_GRAD,
    compute: ({ output, run }, inputs) => {
      const { logits } = inputs as Readonly<Record<'logits', tf.TensorInfo>>;
      const dLogits = output(logits.shape);
      const [size, width] = [sizeOf(logits), logits.shape[1] as number];
      run(BACKWARD, {
        tensors: { ...inputs, dLogits },
        params: { size, width },
        groups: Math.ceil(size / WORKGROUP),
      });
      return dLogits;
    },
  },
];
