import type * as tf from '@tensorflow/tfjs';
import { DRAW_TOKENS } from '../fused/draw-tokens.js';
import type { WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { FINITE } from './wgsl/finite.js';
import { FIXED_POINT } from './wgsl/fixed-point.js';
import { rowBits, rowMax, rowSum } from './wgsl/reduce.js';
import { WEIGHT } from './wgsl/weight.js';

/** A workgroup per row. */
const WORKGROUP = 256;

/**
 * Inverse CDF in vocabulary order. The range in which the token must lie is cut into as many parts as there are lanes, the
 * part in which the cumulative weight passes the uniform number's share of the total is the next range, and so on: of
 * 102,400 tokens 400 are left, then 2, then 1. Weights are summed in fixed point, exactly.
 */
const DRAW: WebGpuProgram = {
  name: DRAW_TOKENS,
  inputs: { logits: 'f32', uniforms: 'i32' },
  outputs: { drawn: 'f32' },
  params: { rows: 'u32', width: 'u32', guided: 'u32', scale: 'f32', inverseTemperature: 'f32' },
  workgroup: WORKGROUP,
  source: `${FINITE}${WEIGHT}${FIXED_POINT}${rowBits(WORKGROUP)}${rowMax(WORKGROUP)}${rowSum(WORKGROUP)}
var<workgroup> sums: array<vec2<u32>, ${WORKGROUP}>;
var<workgroup> found: u32;

// The bits of what is not finite go into bad.
fn guidedLogit(row: u32, j: u32, bad: ptr<function, u32>) -> f32 {
  let logit = logits[row * params.width + j];
  *bad |= specialBits(logit);
  if (params.guided == 0u) { return logit; }
  let base = logits[(params.rows + row) * params.width + j];
  let x = base + params.scale * (logit - base);
  *bad |= specialBits(base) | specialBits(x);
  return x;
}

// Relative to the largest. Below −65 all are alike: their weight is 0, and divided by a low temperature they would be −∞.
fn shifted(row: u32, j: u32, peak: f32) -> f32 {
  var ignored = 0u;
  return max((guidedLogit(row, j, &ignored) - peak) * params.inverseTemperature, -65.0);
}

// sums[lane] becomes the sum of those up to it.
fn accumulate(lane: u32, sum: vec2<u32>) {
  sums[lane] = sum;
  workgroupBarrier();
  for (var step = 1u; step < ${WORKGROUP}u; step *= 2u) {
    var more = vec2<u32>(0u);
    if (lane >= step) { more = sums[lane - step]; }
    workgroupBarrier();
    sums[lane] = plus(sums[lane], more);
    workgroupBarrier();
  }
}

fn sumBefore(lane: u32) -> vec2<u32> {
  if (lane == 0u) { return vec2<u32>(0u); }
  return sums[lane - 1u];
}

fn main(row: u32, lane: u32) {
  if (row >= params.rows) { return; }
  var bad = 0u;
  var most = -3.4028234e38;
  for (var j = lane; j < params.width; j += ${WORKGROUP}u) { most = max(most, guidedLogit(row, j, &bad)); }
  if (rowBits(lane, bad) != 0u) {
    if (lane == 0u) {
      drawn[row] = -1.0;
      drawn[params.rows + row] = 0.0;
      drawn[2u * params.rows + row] = 0.0;
    }
    return;
  }
  let peak = rowMax(lane, most);
  var energy = 0.0;
  var total = vec2<u32>(0u);
  var share = vec2<u32>(0u);
  var begin = 0u;
  var end = params.width;
  for (var level = 0u; level == 0u || end - begin > 1u; level++) {
    let part = (end - begin + ${WORKGROUP - 1}u) / ${WORKGROUP}u;
    let start = min(end, begin + lane * part);
    var sum = vec2<u32>(0u);
    for (var j = start; j < min(end, start + part); j++) {
      let x = shifted(row, j, peak);
      let w = weight(x);
      sum = plus(sum, fixed(w));
      if (level == 0u) { energy += w * x; }
    }
    accumulate(lane, sum);
    if (level == 0u) {
      total = sums[${WORKGROUP - 1}];
      share = times(total, bitcast<u32>(uniforms[row]));
    }
    if (below(share, sums[lane]) && !below(share, sumBefore(lane))) { found = lane; }
    let next = workgroupUniformLoad(&found);
    share = minus(share, sumBefore(next));
    begin += next * part;
    end = min(end, begin + part);
    workgroupBarrier();
  }
  let whole = unfixed(total);
  let mean = rowSum(lane, energy) / whole;
  if (lane == 0u) {
    drawn[row] = f32(begin);
    drawn[params.rows + row] = shifted(row, begin, peak) - log(whole);
    drawn[2u * params.rows + row] = log(whole) - mean;
  }
}`,
};

/** Inverse-CDF draws from the host's uniform numbers. */
export const DRAW_TOKENS_KERNELS: readonly WebGpuKernel[] = [
  {
    name: DRAW_TOKENS,
    compute: ({ output, run }, inputs, attributes) => {
      const { logits, uniforms } = inputs as Readonly<Record<'logits' | 'uniforms', tf.TensorInfo>>;
      const { scale, temperature, guided } = attributes as Readonly<
        Record<'scale' | 'temperature' | 'guided', number>
      >;
      const [rows, width] = [uniforms.shape[0] as number, logits.shape[1] as number];
      const drawn = output([3, rows]);
      run(DRAW, {
        tensors: { logits, uniforms, drawn },
        params: { rows, width, guided, scale, inverseTemperature: 1 / temperature },
        groups: rows,
      });
      return drawn;
    },
  },
];
