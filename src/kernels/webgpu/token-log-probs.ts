import type * as tf from '@tensorflow/tfjs';
import { TOKEN_LOG_PROBS, TOKEN_LOG_PROBS_GRAD } from '../fused/token-log-probs.js';
import { sizeOf, type WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { FINITE } from './wgsl/finite.js';
import { reduction } from './wgsl/reduce.js';
import { WEIGHT } from './wgsl/weight.js';

const WORKGROUP = 64;

/**
 * What lanes keep of their logits, as bits: the largest, Σ exp relative to it, and the bits of what is NaN or +∞, which
 * neither `max` nor a comparison need let through.
 */
const MERGED = `
fn merged(a: vec3<u32>, b: vec3<u32>) -> vec3<u32> {
  let most = max(bitcast<f32>(a.x), bitcast<f32>(b.x));
  let sum = bitcast<f32>(a.y) * exp(bitcast<f32>(a.x) - most) + bitcast<f32>(b.y) * exp(bitcast<f32>(b.x) - most);
  return vec3<u32>(bitcast<u32>(most), bitcast<u32>(sum), a.z | b.z);
}`;

/** In one pass, a workgroup per row. */
const forward = (workgroup: number): WebGpuProgram => ({
  name: `${TOKEN_LOG_PROBS}${workgroup}`,
  inputs: { logits: 'f32', targets: 'i32' },
  outputs: { logProbs: 'f32', normalizers: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  workgroup,
  source: `${FINITE}${MERGED}
${reduction({ name: 'rowOf', type: 'vec3<u32>', combine: 'merged(a, b)' }, workgroup)}
fn main(row: u32, lane: u32) {
  if (row >= params.rows) { return; }
  let begin = row * params.width;
  var most = -3.4028234e38;
  var sum = 0.0;
  var bad = 0u;
  for (var j = lane; j < params.width; j += ${workgroup}u) {
    let logit = logits[begin + j];
    let special = specialBits(logit);
    if (special != 0xff800000u) { // −∞: a token that can't come
      bad |= special;
      let rise = logit - most;
      let ratio = exp(-abs(rise));
      sum = select(sum + ratio, sum * ratio + 1.0, rise > 0.0);
      most = max(most, logit);
    }
  }
  let whole = rowOf(lane, vec3<u32>(bitcast<u32>(most), bitcast<u32>(sum), bad));
  if (lane > 0u) { return; }
  let peak = bitcast<f32>(whole.x);
  let rest = log(bitcast<f32>(whole.y));
  let id = bitcast<u32>(targets[row]);
  if (whole.z != 0u) {
    normalizers[row] = nanOf(whole.z);
    logProbs[row] = nanOf(whole.z);
  } else {
    normalizers[row] = peak + rest;
    if (id < params.width) { logProbs[row] = (logits[begin + id] - peak) - rest; }
    else { logProbs[row] = nanOf(id); }
  }
}`,
});

/** For vocabularies of text, of which each lane of the wide one reads some hundreds, and for smaller ones. */
const [WIDE, NARROW] = [forward(256), forward(64)];
const WIDE_FROM = 4096;

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
      run(width < WIDE_FROM ? NARROW : WIDE, {
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
