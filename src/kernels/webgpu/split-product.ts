import type * as tf from '@tensorflow/tfjs';
import type { Gpu } from './kernel.js';
import type { WebGpuProgram } from './program.js';
import { columnSumGroups, columnSums } from './wgsl/column-sums.js';

/** Rows that a workgroup sums over. */
const SPAN = 256;
const TILE = 32;
/** Rows that are in workgroup memory at a time. */
const DEPTH = 16;
/** 8 × 8 lanes of 4 × 4 outputs. */
const WORKGROUP = 64;

/** Of each span of rows, and each 32 × 32 of the outputs. */
const PARTS: WebGpuProgram = {
  name: 'BicotSplitProduct',
  inputs: { a: 'f32', b: 'f32' },
  outputs: { parts: 'f32' },
  params: { inner: 'u32', rows: 'u32', columns: 'u32' },
  workgroup: WORKGROUP,
  source: `
var<workgroup> aTile: array<f32, ${DEPTH * TILE}>;
var<workgroup> bTile: array<f32, ${DEPTH * TILE}>;
fn main(group: u32, lane: u32) {
  let across = (params.columns + ${TILE - 1}u) / ${TILE}u;
  let tiles = across * ((params.rows + ${TILE - 1}u) / ${TILE}u);
  let span = group / tiles;
  let begin = span * ${SPAN}u;
  if (begin >= params.inner) { return; }
  let end = min(params.inner, begin + ${SPAN}u);
  let top = (group % tiles) / across * ${TILE}u;
  let left = (group % tiles) % across * ${TILE}u;
  let row = lane / 8u * 4u;
  let column = lane % 8u * 4u;
  var sums: array<vec4<f32>, 4>;
  for (var k = begin; k < end; k += ${DEPTH}u) {
    for (var at = lane; at < ${DEPTH * TILE}u; at += ${WORKGROUP}u) {
      let depth = k + at / ${TILE}u;
      let place = at % ${TILE}u;
      var aValue = 0.0;
      var bValue = 0.0;
      if (depth < end && top + place < params.rows) { aValue = a[depth * params.rows + top + place]; }
      if (depth < end && left + place < params.columns) { bValue = b[depth * params.columns + left + place]; }
      aTile[at] = aValue;
      bTile[at] = bValue;
    }
    workgroupBarrier();
    for (var depth = 0u; depth < ${DEPTH * TILE}u; depth += ${TILE}u) {
      let i = depth + row;
      let j = depth + column;
      let right = vec4<f32>(bTile[j], bTile[j + 1u], bTile[j + 2u], bTile[j + 3u]);
      sums[0] += aTile[i] * right;
      sums[1] += aTile[i + 1u] * right;
      sums[2] += aTile[i + 2u] * right;
      sums[3] += aTile[i + 3u] * right;
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      let to = vec2<u32>(top + row + i, left + column + j);
      if (to.x < params.rows && to.y < params.columns) {
        parts[(span * params.rows + to.x) * params.columns + to.y] = sums[i][j];
      }
    }
  }
}`,
};

const TOTAL = columnSums('BicotSplitProductTotal', { parts: 'f32' }, 'parts[i]');

/**
 * `aᵀ · b` of long sums with few outputs, as gradients of small weights over a large batch are: spans of the sum are
 * computed side by side and then added, always in the same order.
 * @param a `[K, m]`
 * @param b `[K, n]`
 * @returns `[m, n]`
 */
export function splitProduct(
  { output, run, dispose }: Gpu,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
): tf.TensorInfo {
  const [inner, rows] = a.shape as [number, number];
  const columns = b.shape[1] as number;
  const spans = Math.ceil(inner / SPAN);
  const [parts, total] = [output([spans, rows, columns]), output([rows, columns])];
  run(PARTS, {
    tensors: { a, b, parts },
    params: { inner, rows, columns },
    groups: spans * Math.ceil(rows / TILE) * Math.ceil(columns / TILE),
  });
  run(TOTAL, {
    tensors: { parts, sums: total },
    params: { rows: spans, width: rows * columns, span: spans },
    groups: columnSumGroups(spans, rows * columns, spans),
  });
  dispose(parts);
  return total;
}
