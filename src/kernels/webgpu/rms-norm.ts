import type * as tf from '@tensorflow/tfjs';
import { ADD_RMS_NORM, RMS_NORM, RMS_NORM_GRAD } from '../fused/rms-norm.js';
import type { Gpu, WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { columnSumGroups, columnSums, ROWS_A_SPAN } from './wgsl/column-sums.js';
import { rowSum } from './wgsl/reduce.js';

/** A workgroup per row; 64 are a whole wave on every GPU, and keep narrow rows from idling. */
const WORKGROUP = 64;

/** The loop over the columns of a row that a lane does. */
const EACH_COLUMN = `for (var j = lane; j < params.width; j += ${WORKGROUP}u)`;

/** y = v · scale · gain with scale = 1 / √(mean v² + ε), of v = x, or of x + residual, which is written to `stream`. */
const forward = (name: string, added: boolean): WebGpuProgram => ({
  name,
  inputs: { x: 'f32', ...(added && { residual: 'f32' as const }), gain: 'f32' },
  outputs: { ...(added && { stream: 'f32' as const }), y: 'f32', scales: 'f32' },
  params: { rows: 'u32', width: 'u32', epsilon: 'f32' },
  workgroup: WORKGROUP,
  source: `${rowSum(WORKGROUP)}
fn main(row: u32, lane: u32) {
  if (row >= params.rows) { return; }
  let begin = row * params.width;
  var squares = 0.0;
  ${EACH_COLUMN} {
    let i = begin + j;
    let v = ${added ? 'x[i] + residual[i]' : 'x[i]'};
    ${added ? 'stream[i] = v;' : ''}
    squares += v * v;
  }
  let scale = inverseSqrt(rowSum(lane, squares) / f32(params.width) + params.epsilon);
  ${EACH_COLUMN} {
    let i = begin + j;
    y[i] = ${added ? 'stream[i]' : 'x[i]'} * scale * gain[j];
  }
  if (lane == 0u) { scales[row] = scale; }
}`,
});

const FORWARD = forward(RMS_NORM, false);
const ADDED = forward(ADD_RMS_NORM, true);

/** dx = (dy · gain − unit · mean(dy · gain · unit)) · scale, with unit = x · scale, and dStream if there is one. */
const backward = (streamed: boolean): WebGpuProgram => ({
  name: `${RMS_NORM_GRAD}${streamed ? 'Streamed' : ''}`,
  inputs: { x: 'f32', gain: 'f32', scales: 'f32', dy: 'f32', ...(streamed && { dStream: 'f32' as const }) },
  outputs: { dx: 'f32' },
  params: { rows: 'u32', width: 'u32' },
  workgroup: WORKGROUP,
  source: `${rowSum(WORKGROUP)}
fn main(row: u32, lane: u32) {
  if (row >= params.rows) { return; }
  let begin = row * params.width;
  let scale = scales[row];
  var along = 0.0;
  ${EACH_COLUMN} {
    let i = begin + j;
    along += dy[i] * gain[j] * (x[i] * scale);
  }
  let mean = rowSum(lane, along) / f32(params.width);
  ${EACH_COLUMN} {
    let i = begin + j;
    dx[i] = (dy[i] * gain[j] - x[i] * scale * mean) * scale${streamed ? ' + dStream[i]' : ''};
  }
}`,
});

const BACKWARD = backward(false);
const STREAMED = backward(true);

/** dGain = Σ_rows dy · unit, of spans of rows, and of what they gave. */
const GAIN = columnSums(
  `${RMS_NORM_GRAD}Gain`,
  { x: 'f32', scales: 'f32', dy: 'f32' },
  'dy[i] * (x[i] * scales[row])',
);
const SPANS = columnSums(`${RMS_NORM_GRAD}Spans`, { parts: 'f32' }, 'parts[i]');

type Normed = Readonly<Record<'x' | 'gain' | 'scales' | 'dy', tf.TensorInfo>>;

function gainGradient({ output, run, dispose }: Gpu, { x, scales, dy }: Normed): tf.TensorInfo {
  const [rows, width] = x.shape as [number, number];
  const spans = Math.ceil(rows / ROWS_A_SPAN);
  const dGain = output([width]);
  const parts = spans > 1 ? output([spans, width]) : dGain;
  const sum = (program: WebGpuProgram, tensors: Record<string, tf.TensorInfo>, count: number, span: number) =>
    run(program, {
      tensors,
      params: { rows: count, width, span },
      groups: columnSumGroups(count, width, span),
    });
  sum(GAIN, { x, scales, dy, sums: parts }, rows, ROWS_A_SPAN);
  if (spans > 1) {
    sum(SPANS, { parts, sums: dGain }, spans, spans);
    dispose(parts);
  }
  return dGain;
}

/** Normalisation of rows, alone and of a sum, and its gradient. */
export const RMS_NORM_KERNELS: readonly WebGpuKernel[] = [
  {
    name: RMS_NORM,
    compute: ({ output, run }, inputs, { epsilon }) => {
      const { x, gain } = inputs as Readonly<Record<'x' | 'gain', tf.TensorInfo>>;
      const [rows, width] = x.shape as [number, number];
      const [y, scales] = [output([rows, width]), output([rows])];
      const params = { rows, width, epsilon: epsilon as number };
      run(FORWARD, { tensors: { x, gain, y, scales }, params, groups: rows });
      return [y, scales];
    },
  },
  {
    name: ADD_RMS_NORM,
    compute: ({ output, run }, inputs, { epsilon }) => {
      const { x, residual, gain } = inputs as Readonly<Record<'x' | 'residual' | 'gain', tf.TensorInfo>>;
      const [rows, width] = x.shape as [number, number];
      const [stream, y, scales] = [output([rows, width]), output([rows, width]), output([rows])];
      const params = { rows, width, epsilon: epsilon as number };
      run(ADDED, { tensors: { x, residual, gain, stream, y, scales }, params, groups: rows });
      return [stream, y, scales];
    },
  },
  {
    name: RMS_NORM_GRAD,
    compute: (gpu, { dStream, ...inputs }) => {
      const normed = inputs as Normed;
      const [rows, width] = normed.x.shape as [number, number];
      const dx = gpu.output([rows, width]);
      gpu.run(dStream ? STREAMED : BACKWARD, {
        tensors: { ...normed, ...(dStream && { dStream }), dx },
        params: { rows, width },
        groups: rows,
      });
      return [dx, gainGradient(gpu, normed)];
    },
  },
];
