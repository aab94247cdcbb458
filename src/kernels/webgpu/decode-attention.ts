import type { WebGpuProgram } from './program.js';
import { ROTATE } from './wgsl/rotate.js';
import { SOFTMAX } from './wgsl/softmax.js';

// Attention of one new position per sequence to all that came before it. The contexts are cached once, however many
// sequences go on from one: keys [C, H, D, P], transposed, so that the invocations of a workgroup, which have a position
// each, read what lies side by side, and values [C, H, P, D]. What a sequence adds is in its slot: keys [slots, H, D, M] and
// values [slots, H, M, D].

/** Invocations of what has one number each. */
export const WORKGROUP = 64;

/** Keys, rotated, and values of the contexts into their cache. */
export const FILL: WebGpuProgram = {
  name: 'BicotFillCache',
  inputs: { k: 'f32', v: 'f32', cos: 'f32', sin: 'f32', lengths: 'i32' },
  outputs: { contextKeys: 'f32', contextValues: 'f32' },
  params: { count: 'u32', length: 'u32', heads: 'u32', size: 'u32' },
  workgroup: WORKGROUP,
  source: `${ROTATE}
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.count) { return; }
  let size = params.size;
  let width = params.heads * size;
  let head = i / (params.length * size); // of all contexts
  let context = head / params.heads;
  let start = context * params.length * width + (head % params.heads) * size;
  let length = u32(lengths[context]);

  let t = i % params.length;
  if (t < length) {
    let d = (i / params.length) % size;
    let first = d < size / 2u;
    let at = start + t * width;
    let other = select(d - size / 2u, d + size / 2u, first);
    let angle = t * size + d % (size / 2u);
    contextKeys[i] = rotated(k[at + d], k[at + other], first, cos[angle], sin[angle]);
  }
  let row = (i / size) % params.length;
  if (row < length) { contextValues[i] = v[start + row * width + i % size]; }
}`,
};

/**
 * What all blocks need of the rows of a step: slot, context, positions of the context and own positions before this one,
 * `[n, 4]`; cosines of the new position in the first half of a head, sines in the second, `[n, D]`.
 */
export const STEP: WebGpuProgram = {
  name: 'BicotDecodeAttention step',
  inputs: { lengths: 'i32', sources: 'i32', slots: 'i32', positions: 'i32', cos: 'f32', sin: 'f32' },
  outputs: { table: 'i32', rotation: 'f32' },
  params: { count: 'u32', size: 'u32' },
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.count) { return; }
  let row = i / params.size;
  let d = i % params.size;
  let position = positions[row];
  let half = params.size / 2u;
  let angle = u32(position) * params.size + d % half;
  rotation[i] = select(sin[angle], cos[angle], d < half);
  if (d == 0u) {
    let slot = slots[row];
    let source = sources[slot];
    let length = lengths[source];
    table[4u * row] = slot;
    table[4u * row + 1u] = source;
    table[4u * row + 2u] = length;
    table[4u * row + 3u] = position - length;
  }
}`,
};

/** Queries, keys and values in one tensor, as the attention reads them: a program has 8 buffers. */
export const JOIN: WebGpuProgram = {
  name: 'BicotDecodeAttention join',
  inputs: { q: 'f32', k: 'f32', v: 'f32' },
  outputs: { qkv: 'f32' },
  params: { size: 'u32' },
  workgroup: WORKGROUP,
  source: `
fn main(group: u32, lane: u32) {
  let i = group * ${WORKGROUP}u + lane;
  if (i >= params.size) { return; }
  qkv[i] = q[i];
  qkv[params.size + i] = k[i];
  qkv[2u * params.size + i] = v[i];
}`,
};

/** The largest head that a workgroup has invocations for. */
export const LARGEST_HEAD = 256;
/** Positions that an invocation has in a tile. */
const POSITIONS = 4;

/**
 * A workgroup is one head of one sequence: it writes the new position into the cache and attends from it, tile by tile with
 * a running maximum. Then its invocations are channels, several times over, and each takes every so many'th position.
 * @param size of a head
 */
export function attendProgram(size: number): WebGpuProgram {
  const lanes = size <= 32 ? 64 : LARGEST_HEAD;
  const tile = POSITIONS * lanes;
  return {
    name: `BicotDecodeAttention attend ${lanes}`,
    inputs: { qkv: 'f32', table: 'i32', rotation: 'f32', contextKeys: 'f32', contextValues: 'f32' },
    outputs: { keys: 'f32', values: 'f32', mixed: 'f32' },
    // channels: size, rounded up to a power of 2
    params: {
      ...{ rows: 'u32', heads: 'u32', size: 'u32', channels: 'u32' },
      ...{ contextRoom: 'u32', room: 'u32', scale: 'f32' },
    },
    workgroup: lanes,
    get source() {
      return `${SOFTMAX}${ROTATE}
var<workgroup> query: array<f32, ${LARGEST_HEAD}>;
var<workgroup> weights: array<f32, ${tile}>;
var<workgroup> parts: array<f32, ${lanes}>;
var<workgroup> sixteen: array<f32, 16>;

fn main(group: u32, lane: u32) {
  let row = group / params.heads;
  let head = group % params.heads;
  if (row >= params.rows) { return; }
  let size = params.size;
  let slot = u32(table[4u * row]);
  let length = u32(table[4u * row + 2u]);
  let own = u32(table[4u * row + 3u]);
  let count = length + own + 1u;
  // Where this head's numbers begin in the caches, with P or M positions of D channels.
  let shared_at = (u32(table[4u * row + 1u]) * params.heads + head) * size * params.contextRoom;
  let own_at = (slot * params.heads + head) * size * params.room;

  if (lane < size) {
    let half = size / 2u;
    let first = lane < half;
    let other = select(lane - half, lane + half, first);
    let c = rotation[row * size + lane % half];
    let s = rotation[row * size + half + lane % half];
    let third = params.rows * params.heads * size;
    let at = (row * params.heads + head) * size;
    query[lane] = rotated(qkv[at + lane], qkv[at + other], first, c, s) * params.scale;
    keys[own_at + lane * params.room + own] =
      rotated(qkv[third + at + lane], qkv[third + at + other], first, c, s);
    values[own_at + own * size + lane] = qkv[2u * third + at + lane];
  }
  storageBarrier();
  workgroupBarrier();

  let channel = lane % params.channels;
  let turns = ${lanes}u / params.channels;
  var most = LOWEST;
  var total = 0.0;
  var sum = 0.0;
  for (var t0 = 0u; t0 < count; t0 += ${tile}u) {
    var scores: array<f32, ${POSITIONS}>;
    var larger = LOWEST;
    for (var u = 0u; u < ${POSITIONS}u; u++) {
      let t = t0 + u * ${lanes}u + lane;
      var score = 0.0;
      if (t < length) {
        for (var d = 0u; d < size; d++) {
          score += query[d] * contextKeys[shared_at + d * params.contextRoom + t];
        }
      } else if (t < count) {
        for (var d = 0u; d < size; d++) { score += query[d] * keys[own_at + d * params.room + t - length]; }
      }
      scores[u] = score;
      if (t < count && !infects(score)) { larger = max(larger, score); }
    }
    parts[lane] = larger;
    workgroupBarrier();
    if (lane < 16u) {
      for (var i = 0u; i < ${lanes / 16}u; i++) { larger = max(larger, parts[lane * ${lanes / 16}u + i]); }
      sixteen[lane] = larger;
    }
    workgroupBarrier();
    larger = most;
    for (var i = 0u; i < 16u; i++) { larger = max(larger, sixteen[i]); }
    let shrink = weight(most - larger);
    most = larger;
    total *= shrink;
    sum *= shrink;
    for (var u = 0u; u < ${POSITIONS}u; u++) {
      let at = u * ${lanes}u + lane;
      if (t0 + at < count) {
        let own_weight = weightOf(scores[u], most);
        weights[at] = own_weight;
        total += own_weight;
      }
    }
    workgroupBarrier();
    if (channel < size) {
      let end = min(count, t0 + ${tile}u);
      var t = t0 + lane / params.channels;
      for (; t < min(length, end); t += turns) {
        sum += weights[t - t0] * contextValues[shared_at + t * size + channel];
      }
      for (; t < end; t += turns) {
        sum += weights[t - t0] * values[own_at + (t - length) * size + channel];
      }
    }
  }

  parts[lane] = total;
  workgroupBarrier();
  if (lane < 16u) {
    total = 0.0;
    for (var i = 0u; i < ${lanes / 16}u; i++) { total += parts[lane * ${lanes / 16}u + i]; }
    sixteen[lane] = total;
  }
  workgroupBarrier();
  parts[lane] = sum;
  workgroupBarrier();
  if (lane < size) {
    total = 0.0;
    for (var i = 0u; i < 16u; i++) { total += sixteen[i]; }
    // No weight at all: every score is a negative infinity.
    if (total == 0.0) { total = nanOf(lane); }
    sum = 0.0;
    for (var i = 0u; i < turns; i++) { sum += parts[i * params.channels + lane]; }
    mixed[(row * params.heads + head) * size + lane] = sum / total;
  }
}`;
    },
  };
}
