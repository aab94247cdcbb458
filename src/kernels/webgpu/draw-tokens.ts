import type * as tf from '@tensorflow/tfjs';
import { DRAW_TOKENS } from '../fused/draw-tokens.js';
import type { WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { FINITE } from './wgsl/finite.js';
import { prefixSums } from './wgsl/prefix-sums.js';
import { reduction, rowSum } from './wgsl/reduce.js';
import { WEIGHT } from './wgsl/weight.js';

/** The larger of two numbers, as bits, and the bits of what is not finite. */
const LARGER = `
fn larger(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(bitcast<u32>(max(bitcast<f32>(a.x), bitcast<f32>(b.x))), a.y | b.y);
}`;

const LOGITS = `
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
}`;

/**
 * Inverse CDF in vocabulary order, a workgroup per row. The range in which the token must lie is cut into as many parts as
 * there are lanes; the part in which the cumulative weight passes the uniform number's share of the total is the next
 * range, and so on: of 102,400 tokens 400 are left, then 2, then 1. Weights are summed in fixed point, exactly.
 */
const draw = (workgroup: number): WebGpuProgram => ({
  name: `${DRAW_TOKENS}${workgroup}`,
  inputs: { logits: 'f32', uniforms: 'i32' },
  outputs: { drawn: 'f32' },
  params: { rows: 'u32', width: 'u32', guided: 'u32', scale: 'f32', inverseTemperature: 'f32' },
  workgroup,
  source: `${FINITE}${WEIGHT}${LOGITS}${LARGER}${prefixSums(workgroup)}${rowSum(workgroup)}
${reduction({ name: 'rowOf', type: 'vec2<u32>', combine: 'larger(a, b)' }, workgroup)}
var<workgroup> part: u32;
var<workgroup> sumBefore: vec2<u32>;
fn main(row: u32, lane: u32) {
  if (row >= params.rows) { return; }
  var most = -3.4028234e38;
  var bad = 0u;
  for (var j = lane; j < params.width; j += ${workgroup}u) { most = max(most, guidedLogit(row, j, &bad)); }
  let whole = rowOf(lane, vec2<u32>(bitcast<u32>(most), bad));
  let peak = bitcast<f32>(whole.x);
  var energy = 0.0;
  var total = vec2<u32>(0u);
  var share = vec2<u32>(0u);
  var begin = 0u;
  var end = params.width;
  for (var level = 0u; level == 0u || end - begin > 1u; level++) {
    let size = (end - begin + ${workgroup - 1}u) / ${workgroup}u;
    let start = min(end, begin + lane * size);
    var sum = vec2<u32>(0u);
    for (var j = start; j < min(end, start + size); j++) {
      let x = shifted(row, j, peak);
      let w = weight(x);
      sum = plus(sum, fixed(w));
      if (level == 0u) { energy += w * x; }
    }
    let sums = prefixSums(lane, sum);
    if (level == 0u) {
      total = sums.all;
      share = times(total, bitcast<u32>(uniforms[row]));
    }
    if (below(share, sums.upTo) && !below(share, sums.before)) {
      part = lane;
      sumBefore = sums.before;
    }
    // Of logits that are not finite it may be any; the range is never less than empty.
    begin = min(end, begin + workgroupUniformLoad(&part) * size);
    end = min(end, begin + size);
    share = minus(share, sumBefore);
    workgroupBarrier();
  }
  energy = rowSum(lane, energy);
  if (lane > 0u) { return; }
  let logTotal = log(unfixed(total));
  var results = vec3<f32>(f32(begin), shifted(row, begin, peak) - logTotal, logTotal - energy / unfixed(total));
  if (whole.y != 0u) { results = vec3<f32>(-1.0, 0.0, 0.0); }
  drawn[row] = results.x;
  drawn[params.rows + row] = results.y;
  drawn[2u * params.rows + row] = results.z;
}`,
});

const [WIDE, NARROW] = [draw(256), draw(64)];
const WIDE_FROM = 4096;

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
      run(width < WIDE_FROM ? NARROW : WIDE, {
        tensors: { logits, uniforms, drawn },
        params: { rows, width, guided, scale, inverseTemperature: 1 / temperature },
        groups: rows,
      });
      return drawn;
    },
  },
];
