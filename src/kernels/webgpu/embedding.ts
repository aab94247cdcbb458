import type * as tf from '@tensorflow/tfjs';
import { GATHER_ROWS, SCATTER_ADD_ROWS } from '../fused/embedding.js';
import { sizeOf, type WebGpuKernel } from './kernel.js';
import type { WebGpuProgram } from './program.js';

const WORKGROUP = 64;

const GATHER: WebGpuProgram = {
  name: GATHER_ROWS,
  inputs: { table: 'f32', ids: 'i32' },
  outputs: { y: 'f32' },
  params: { size: 'u32', rows: 'u32', width: 'u32' },
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.size) { return; }
  let place = i / params.width;
  let id = bitcast<u32>(ids[place]); // a negative one is out of range too
  var value = 0.0;
  if (id < params.rows) { value = table[id * params.width + i - place * params.width]; }
  y[i] = value;
}`,
};

const ZEROS: WebGpuProgram = {
  name: `${SCATTER_ADD_ROWS}Zeros`,
  inputs: {},
  outputs: { sums: 'f32' },
  params: { size: 'u32' },
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i < params.size) { sums[i] = 0.0; }
}`,
};

/**
 * A stable sort by counting: the place of i is how many ids are smaller, or equal and before it. N² comparisons, of a tile
 * of ids at a time that the workgroup shares: for thousands of ids less than what follows, and nothing waits for another.
 */
const ORDER: WebGpuProgram = {
  name: `${SCATTER_ADD_ROWS}Order`,
  inputs: { ids: 'i32' },
  outputs: { order: 'i32' },
  params: { count: 'u32' },
  workgroup: WORKGROUP,
  source: `
var<workgroup> tile: array<u32, ${WORKGROUP}>;
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  var id = 0u;
  if (i < params.count) { id = bitcast<u32>(ids[i]); }
  var place = 0u;
  for (var begin = 0u; begin < params.count; begin += ${WORKGROUP}u) {
    if (begin + lane < params.count) { tile[lane] = bitcast<u32>(ids[begin + lane]); }
    workgroupBarrier();
    let size = min(${WORKGROUP}u, params.count - begin);
    for (var k = 0u; k < size; k++) {
      let other = tile[k];
      place += select(0u, 1u, other < id || (other == id && begin + k < i));
    }
    workgroupBarrier();
  }
  if (i < params.count) { order[place] = i32(i); }
}`,
};

/** A workgroup per id and 64 columns; of equal ids, the first one's sums them all, in their order. */
const SUMS: WebGpuProgram = {
  name: `${SCATTER_ADD_ROWS}Sums`,
  inputs: { x: 'f32', ids: 'i32', order: 'i32' },
  outputs: { sums: 'f32' },
  params: { count: 'u32', rows: 'u32', width: 'u32' },
  workgroup: WORKGROUP,
  source: `
fn idAt(place: u32) -> u32 { return bitcast<u32>(ids[order[place]]); }
fn main(group: u32, lane: u32) {
  let blocks = (params.width + ${WORKGROUP - 1}u) / ${WORKGROUP}u;
  let first = group / blocks;
  let column = (group % blocks) * ${WORKGROUP}u + lane;
  if (first >= params.count || column >= params.width) { return; }
  let id = idAt(first);
  if (id >= params.rows) { return; }
  if (first > 0u && idAt(first - 1u) == id) { return; }
  var sum = 0.0;
  for (var place = first; place < params.count; place++) {
    let i = u32(order[place]);
    if (bitcast<u32>(ids[i]) != id) { break; }
    sum += x[i * params.width + column];
  }
  sums[id * params.width + column] = sum;
}`,
};

/** Rows by index and sums by index. */
export const EMBEDDING_KERNELS: readonly WebGpuKernel[] = [
  {
    name: GATHER_ROWS,
    compute: ({ output, run }, inputs) => {
      const { table, ids } = inputs as Readonly<Record<'table' | 'ids', tf.TensorInfo>>;
      const [rows, width] = table.shape as [number, number];
      const y = output([ids.shape[0] as number, width]);
      const size = sizeOf(y);
      run(GATHER, {
        tensors: { table, ids, y },
        params: { size, rows, width },
        groups: Math.ceil(size / WORKGROUP),
      });
      return y;
    },
  },
  {
    name: SCATTER_ADD_ROWS,
    compute: ({ output, run, dispose }, inputs, attributes) => {
      const { x, ids } = inputs as Readonly<Record<'x' | 'ids', tf.TensorInfo>>;
      const { rows } = attributes as { readonly rows: number };
      const [count, width] = x.shape as [number, number];
      const [sums, order] = [output([rows, width]), output([count], 'int32')];
      const size = sizeOf(sums);
      run(ZEROS, { tensors: { sums }, params: { size }, groups: Math.ceil(size / WORKGROUP) });
      run(ORDER, { tensors: { ids, order }, params: { count }, groups: Math.ceil(count / WORKGROUP) });
      run(SUMS, {
        tensors: { x, ids, order, sums },
        params: { count, rows, width },
        groups: count * Math.ceil(width / WORKGROUP),
      });
      dispose(order);
      return sums;
    },
  },
];
