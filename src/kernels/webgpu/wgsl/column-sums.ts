import type { WebGpuProgram } from '../program.js';

const COLUMNS = 32;
const STRANDS = 8;
const WORKGROUP = COLUMNS * STRANDS;

/** Rows that one workgroup sums, where there are so many that several should. */
export const ROWS_A_SPAN = 256;

/**
 * Sums over rows: `sums[s, column]` of the rows of span s, `[spans, width]`. Each workgroup takes 32 columns of one span,
 * its rows dealt out to 8 strands, so that neighbours read neighbours.
 * @param inputs of the program
 * @param term WGSL of a summand: of `row`, `column` and `i`, its place in a matrix of `params.width` columns
 */
export function columnSums(name: string, inputs: WebGpuProgram['inputs'], term: string): WebGpuProgram {
  return {
    name,
    inputs,
    outputs: { sums: 'f32' },
    params: { rows: 'u32', width: 'u32', span: 'u32' },
    workgroup: WORKGROUP,
    source: `
var<workgroup> strands: array<f32, ${WORKGROUP}>;
fn main(group: u32, lane: u32) {
  let blocks = (params.width + ${COLUMNS - 1}u) / ${COLUMNS}u;
  let span = group / blocks;
  let begin = span * params.span;
  if (begin >= params.rows) { return; }
  let end = min(params.rows, begin + params.span);
  let column = (group % blocks) * ${COLUMNS}u + lane % ${COLUMNS}u;
  var sum = 0.0;
  if (column < params.width) {
    for (var row = begin + lane / ${COLUMNS}u; row < end; row += ${STRANDS}u) {
      let i = row * params.width + column;
      sum += ${term};
    }
  }
  strands[lane] = sum;
  workgroupBarrier();
  if (lane < ${COLUMNS}u && column < params.width) {
    for (var s = 1u; s < ${STRANDS}u; s++) { sum += strands[s * ${COLUMNS}u + lane]; }
    sums[span * params.width + column] = sum;
  }
}`,
  };
}

/** Workgroups of `columnSums`. */
export const columnSumGroups = (rows: number, width: number, span: number): number =>
  Math.ceil(width / COLUMNS) * Math.ceil(rows / span);
