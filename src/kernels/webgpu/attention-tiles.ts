import type { WebGpuProgram } from './program.js';
import { SOFTMAX } from './wgsl/softmax.js';

// Attention in tiles of 32 by 32, none of which leaves its workgroup. A workgroup makes 32 rows of an output, which are
// sums over the rows of a matrix z, weighted by products of the rows of a and b:
//
//   out[x] = Σ_y weight(a[x] · b[y]) · z[y]
//
// Its 64 invocations are 8 by 8: the one at (down, across) has rows 4·down… of the tile and columns 4·across….

/** Rows of an output that a workgroup makes. */
export const TILE = 32;
const WORKGROUP = 64;
/** Channels of an output that are mixed together. */
const CHANNELS = 32;

const ROWS = [0, 1, 2, 3] as const;
const each = <T>(list: readonly T[], make: (entry: T, i: number) => string, between = '\n'): string =>
  list.map(make).join(between);

const HEADER = `
// Columns of a and b, 16 channels of 8 times 4 rows each, or 32 rows of z, 8 times 4 channels each.
var<workgroup> room: array<vec4<f32>, 256>;
// Of 32 columns, those of 8 times 4 rows.
var<workgroup> weights: array<vec4<f32>, 256>;
// Where this head of this sequence begins in [B·T, H·D], and in [B, H, T].
var<private> origin: u32;
var<private> line: u32;
`;

/** `NAME_at(t, d)`: a number of a matrix, 0 beyond its edges. */
const reader = (name: string): string => `
fn ${name}_at(t: u32, d: u32) -> f32 {
  if (t >= params.length || d >= params.size) { return 0.0; }
  return ${name}[origin + t * params.width + d];
}`;

/** Finds the tile of a workgroup: x0 is its first row, and the longest tiles come first. */
const begin = (longestFirst: boolean): string => `
  let tiles = (params.length + ${TILE - 1}u) / ${TILE}u;
  let head = group / tiles; // of all sequences
  if (head >= params.heads) { return; }
  let tile = group % tiles;
  let x0 = ${TILE}u * ${longestFirst ? '(tiles - 1u - tile)' : 'tile'};
  let heads = params.width / params.size;
  origin = (head / heads) * params.length * params.width + (head % heads) * params.size;
  line = head * params.length;
  let down = lane / 8u;
  let across = lane % 8u;`;

/** Sums of the output, of 4 rows and 4 channels in each of the parts. */
const sums = (parts: number): string =>
  each([...new Array(parts).keys()], (n) => `  var sums${n}: array<vec4<f32>, 4>;`);

/** 4 rows of a's tile times 4 of b's. */
const product = (name: string, a: string, b: string): string => `
  for (var i = 0u; i < 4u; i++) { ${name}[i] = vec4<f32>(); }
  for (var d0 = 0u; d0 < params.size; d0 += 16u) {
    workgroupBarrier();
    for (var i = lane; i < 128u; i += ${WORKGROUP}u) {
      let d = d0 + i % 16u;
      let t = 4u * (i / 16u);
      let to = (i % 16u) * 8u + i / 16u;
      room[to] = vec4<f32>(${each(ROWS, (i) => `${a}_at(x0 + t + ${i}u, d)`, ', ')});
      room[128u + to] = vec4<f32>(${each(ROWS, (i) => `${b}_at(y0 + t + ${i}u, d)`, ', ')});
    }
    workgroupBarrier();
    for (var c = 0u; c < 16u; c++) {
      let left = room[c * 8u + down];
      let right = room[128u + c * 8u + across];
      for (var i = 0u; i < 4u; i++) { ${name}[i] += left[i] * right; }
    }
  }`;

/** Puts a number for each row i and column j into the weights, column by column. */
const putWeights = (number: string): string => `
    for (var j = 0u; j < 4u; j++) {
      var column = vec4<f32>();
      for (var i = 0u; i < 4u; i++) { column[i] = ${number}; }
      weights[(4u * across + j) * 8u + down] = column;
    }`;

/** Adds what the weights take of z to the output's sums; what comes after begins with a barrier. */
const mix = (z: string, parts: number, alsoFirst = ''): string =>
  each(
    [...new Array(parts).keys()],
    (n) => `
  workgroupBarrier();
  for (var i = lane; i < 256u; i += ${WORKGROUP}u) {
    let t = y0 + i / 8u;
    let d = ${n * CHANNELS}u + 4u * (i % 8u);
    room[i] = vec4<f32>(${each(ROWS, (j) => `${z}_at(t, d + ${j}u)`, ', ')});
  }
  workgroupBarrier();
  for (var y = 0u; y < ${TILE}u; y++) {
    let w = weights[y * 8u + down];
    let row = room[y * 8u + across];
    ${n === 0 ? alsoFirst : ''}
    for (var i = 0u; i < 4u; i++) { sums${n}[i] += w[i] * row; }
  }`,
  );

/** Writes the sums, each row divided by what is given for it. */
const write = (out: string, parts: number, divided = ''): string => `
  for (var i = 0u; i < 4u; i++) {
    let t = x0 + 4u * down + i;
    if (t >= params.length) { continue; }
    for (var j = 0u; j < 4u; j++) {
      var d = 4u * across + j;${each(
        [...new Array(parts).keys()],
        (n) => `
      if (d < params.size) { ${out}[origin + t * params.width + d] = sums${n}[i][j]${divided}; }
      d += ${CHANNELS}u;`,
        '',
      )}
    }
  }`;

const PARAMS = { length: 'u32', size: 'u32', width: 'u32', heads: 'u32' } as const;
const floats = (...names: readonly string[]): Record<string, 'f32'> =>
  Object.fromEntries(names.map((name) => [name, 'f32']));

const partsOf = (size: number): number => Math.ceil(size / CHANNELS);

/** Whether row i sees column j, by their places in the tile: queries the keys that are not after them, … */
const QUERY_SEES = 'y0 + 4u * across + j <= x0 + 4u * down + i';
/** … and keys the queries that are not before them. */
const SEEN_BY = 'y0 + 4u * across + j >= x0 + 4u * down + i && y0 + 4u * across + j < params.length';

/**
 * The mixed values and log Σ exp of the scores, of rotated queries and keys. The maximum of a row grows tile by tile,
 * and what was summed under a smaller one shrinks with it (Milakov & Gimelshein 2018; Dao et al. 2022).
 * @param size of a head
 */
export function forwardProgram(size: number): WebGpuProgram {
  const parts = partsOf(size);
  return {
    name: `BicotCausalAttention ${parts}`,
    inputs: floats('q', 'k', 'v'),
    outputs: floats('mixed', 'normalizers'),
    params: PARAMS,
    workgroup: WORKGROUP,
    get source() {
      return `${SOFTMAX}${HEADER}${each(['q', 'k', 'v'], reader)}
fn finite(score: f32, seen: bool) -> f32 {
  return select(score, LOWEST, !seen || infects(score));
}
fn seenWeight(score: f32, seen: bool, most: f32) -> f32 {
  if (!seen) { return 0.0; }
  return weightOf(score, most);
}
fn main(group: u32, lane: u32) {
  ${begin(true)}
${sums(parts)}
  var scores: array<vec4<f32>, 4>;
  var most = vec4<f32>(LOWEST);
  var total = vec4<f32>();
  for (var y0 = 0u; y0 <= x0; y0 += ${TILE}u) {
    ${product('scores', 'q', 'k')}
${putWeights(`finite(scores[i][j], ${QUERY_SEES})`)}
    workgroupBarrier();
    var larger = most;
    for (var y = 0u; y < ${TILE}u; y++) { larger = max(larger, weights[y * 8u + down]); }
    for (var i = 0u; i < 4u; i++) {
      let shrink = weight(most[i] - larger[i]);
      total[i] *= shrink;
      ${each([...new Array(parts).keys()], (n) => `sums${n}[i] *= shrink;`, ' ')}
    }
    most = larger;
    workgroupBarrier();
${putWeights(`seenWeight(scores[i][j], ${QUERY_SEES}, most[i])`)}
    ${mix('v', parts, 'total += w;')}
  }
  // No weight at all: every score is a negative infinity.
  for (var i = 0u; i < 4u; i++) {
    if (total[i] == 0.0) { total[i] = nanOf(lane); }
  }
${write('mixed', parts, ' / total[i]')}
  if (across == 0u) {
    for (var i = 0u; i < 4u; i++) {
      let row = x0 + 4u * down + i;
      if (row < params.length) { normalizers[line + row] = most[i] + log(total[i]); }
    }
  }
}`;
    },
  };
}

/** What backward tiles begin with: numbers of a row of [B, H, T], 0 beyond its end. */
const LINES = `
fn normalizer_at(t: u32) -> f32 {
  if (t >= params.length) { return 0.0; }
  return normalizers[line + t];
}`;
const PULLS = `
fn mean_at(t: u32) -> f32 {
  if (t >= params.length) { return 0.0; }
  return means[line + t];
}
// d score = w · (dw − Σ w·dw)
fn pull(score: f32, dw: f32, seen: bool, normalizer: f32, mean: f32) -> f32 {
  if (!seen) { return 0.0; }
  return weight(score - normalizer) * (dw - mean);
}`;

/** Gradient of the rotated queries: d scores · k. */
export function queryGradientProgram(size: number): WebGpuProgram {
  const parts = partsOf(size);
  return {
    name: `BicotCausalAttentionGrad q ${parts}`,
    inputs: floats('q', 'k', 'v', 'dy', 'normalizers', 'means'),
    outputs: floats('dq'),
    params: PARAMS,
    workgroup: WORKGROUP,
    get source() {
      return `${SOFTMAX}${HEADER}${each(['q', 'k', 'v', 'dy'], reader)}${LINES}${PULLS}
fn main(group: u32, lane: u32) {
  ${begin(true)}
${sums(parts)}
  var scores: array<vec4<f32>, 4>;
  var pulls: array<vec4<f32>, 4>;
  let row = x0 + 4u * down;
  var z: array<f32, 4>;
  var m: array<f32, 4>;
  for (var i = 0u; i < 4u; i++) { z[i] = normalizer_at(row + i); m[i] = mean_at(row + i); }
  for (var y0 = 0u; y0 <= x0; y0 += ${TILE}u) {
    ${product('scores', 'q', 'k')}
    ${product('pulls', 'dy', 'v')}
${putWeights(`pull(scores[i][j], pulls[i][j], ${QUERY_SEES}, z[i], m[i])`)}
    ${mix('k', parts)}
  }
${write('dq', parts)}
}`;
    },
  };
}

/** Gradient of the rotated keys: d scoresᵀ · q. */
export function keyGradientProgram(size: number): WebGpuProgram {
  const parts = partsOf(size);
  return {
    name: `BicotCausalAttentionGrad k ${parts}`,
    inputs: floats('q', 'k', 'v', 'dy', 'normalizers', 'means'),
    outputs: floats('dk'),
    params: PARAMS,
    workgroup: WORKGROUP,
    get source() {
      return `${SOFTMAX}${HEADER}${each(['q', 'k', 'v', 'dy'], reader)}${LINES}${PULLS}
fn main(group: u32, lane: u32) {
  ${begin(false)}
${sums(parts)}
  var scores: array<vec4<f32>, 4>;
  var pulls: array<vec4<f32>, 4>;
  var z: array<f32, 4>;
  var m: array<f32, 4>;
  for (var y0 = x0; y0 < params.length; y0 += ${TILE}u) {
    let column = y0 + 4u * across;
    for (var j = 0u; j < 4u; j++) { z[j] = normalizer_at(column + j); m[j] = mean_at(column + j); }
    ${product('scores', 'k', 'q')}
    ${product('pulls', 'v', 'dy')}
${putWeights(`pull(scores[i][j], pulls[i][j], ${SEEN_BY}, z[j], m[j])`)}
    ${mix('q', parts)}
  }
${write('dk', parts)}
}`;
    },
  };
}

/** Gradient of the values: weightsᵀ · dy. */
export function valueGradientProgram(size: number): WebGpuProgram {
  const parts = partsOf(size);
  return {
    name: `BicotCausalAttentionGrad v ${parts}`,
    inputs: floats('q', 'k', 'dy', 'normalizers'),
    outputs: floats('dv'),
    params: PARAMS,
    workgroup: WORKGROUP,
    get source() {
      return `${SOFTMAX}${HEADER}${each(['q', 'k', 'dy'], reader)}${LINES}
fn seenWeight(score: f32, seen: bool, normalizer: f32) -> f32 {
  if (!seen) { return 0.0; }
  return weight(score - normalizer);
}
fn main(group: u32, lane: u32) {
  ${begin(false)}
${sums(parts)}
  var scores: array<vec4<f32>, 4>;
  var z: array<f32, 4>;
  for (var y0 = x0; y0 < params.length; y0 += ${TILE}u) {
    let column = y0 + 4u * across;
    for (var j = 0u; j < 4u; j++) { z[j] = normalizer_at(column + j); }
    ${product('scores', 'k', 'q')}
${putWeights(`seenWeight(scores[i][j], ${SEEN_BY}, z[j])`)}
    ${mix('dy', parts)}
  }
${write('dv', parts)}
}`;
    },
  };
}
