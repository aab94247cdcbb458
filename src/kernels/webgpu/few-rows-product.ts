import type * as tf from '@tensorflow/tfjs';
import type { Gpu } from './kernel.js';
import type { Scalar, WebGpuProgram } from './program.js';
import { SIGMOID } from './swiglu.js';

// Products of few rows with large matrices, as decoding makes them: what they cost is reading the matrix, once for 16 rows.
// A workgroup makes 32 columns. Its invocations are 32 columns by some slices of the sum, each of which takes 16 terms in
// turn; what the slices have is added up at the end, so that a row's bits do not depend on the other rows.

/** What becomes of the products: a tensor each, or one; one of silu(x · w0) ∘ (x · w1); the product added to a residual. */
type Kind = 'apart' | 'joined' | 'gated' | 'added';

interface Variant {
  readonly kind: Kind;
  /** How many are multiplied by at once: at most 3, as a program has 8 buffers. */
  readonly matrices: number;
  /** Whether rows are normed before, x · gain / √(mean x² + ε). */
  readonly normed: boolean;
  /** Rows, in fours. */
  readonly fours: number;
  readonly slices: number;
}

const COLUMNS = 32;
/** Terms that a slice takes in turn. */
const TERMS = 16;

const listOf = (count: number): readonly number[] => [...new Array(count).keys()];

function programOf(variant: Variant): WebGpuProgram {
  const { kind, matrices, normed, fours, slices } = variant;
  const outs = kind === 'apart' ? listOf(matrices).map((m) => `out${m}`) : ['out'];
  const names = (...all: (string | false)[]): Record<string, 'f32'> =>
    Object.fromEntries(all.filter((name) => name !== false).map((name) => [name, 'f32' as const]));
  const weights = listOf(matrices).map((m) => `w${m}`);
  const columns = Object.fromEntries(listOf(matrices).map((m) => [`columns${m}`, 'u32' as const]));
  return {
    name: `BicotFewRowsProduct ${kind} ${matrices} ${normed} ${fours} ${slices}`,
    inputs: names('x', normed && 'gain', ...weights, kind === 'added' && 'residual'),
    outputs: names(...outs),
    params: { rows: 'u32', inner: 'u32', epsilon: 'f32', ...columns } satisfies Record<string, Scalar>,
    workgroup: COLUMNS * slices,
    get source() {
      return sourceOf(variant);
    },
  };
}

function sourceOf({ kind, matrices, normed, fours, slices }: Variant): string {
  const [chunk, lanes] = [TERMS * slices, COLUMNS * slices];
  const parts = kind === 'gated' ? 1 : matrices;
  // Twice as many lanes as terms in a chunk: each loads some of the fours of one term.
  const loads = Math.max(1, fours / 2);
  const sums = listOf(kind === 'gated' ? 2 : 1);
  // As many turns for all, so that the loop can be unrolled and its reads go out together; what is read beyond the end is
  // memory that the shader may read, and counts for 0.
  const terms = (m: number): string => `for (var t = 0u; t < ${TERMS}u; t++) {
        let k = first + t;
        ${sums
          .map(
            (s) =>
              `let term${s} = select(0.0, w${kind === 'gated' ? s : m}[k * width + column], k < params.inner);`,
          )
          .join(' ')}
        ${listOf(fours)
          .map((f) => {
            const add = sums.map((s) => `sum${s}_${f} += four${f} * term${s};`).join(' ');
            return `let four${f} = room[${f * chunk}u + slice * ${TERMS}u + t]; ${add}`;
          })
          .join('\n        ')}
      }`;
  return `${kind === 'gated' ? SIGMOID : ''}
// Of a chunk of the sum, the rows in fours; then what is added up.
var<workgroup> room: array<vec4<f32>, ${Math.max(chunk * fours, lanes)}>;

fn x_at(row: u32, k: u32) -> f32 {
  if (row >= params.rows || k >= params.inner) { return 0.0; }
  return x[row * params.inner + k];
}

fn main(group: u32, lane: u32) {
  let row_tiles = (params.rows + ${4 * fours - 1}u) / ${4 * fours}u;
  let row0 = ${4 * fours}u * (group % row_tiles);
  var tile = group / row_tiles;
  var part = 0u;
  var width = params.columns0;
  ${listOf(parts - 1)
    .map(
      (m) => `if (part == ${m}u && tile >= (width + ${COLUMNS - 1}u) / ${COLUMNS}u) {
    tile -= (width + ${COLUMNS - 1}u) / ${COLUMNS}u;
    part = ${m + 1}u;
    width = params.columns${m + 1};
  }`,
    )
    .join('\n  ')}
  if (tile * ${COLUMNS}u >= width) { return; }
  let column = tile * ${COLUMNS}u + lane % ${COLUMNS}u;
  let slice = lane / ${COLUMNS}u;
  ${listOf(fours)
    .flatMap((f) => sums.map((s) => `var sum${s}_${f} = vec4<f32>();`))
    .join(' ')}
  ${normed ? `var squares: array<vec4<f32>, ${loads}>;` : ''}
  for (var k0 = 0u; k0 < params.inner; k0 += ${chunk}u) {
    workgroupBarrier();
    for (var u = 0u; u < ${loads}u; u++) {
      let i = lane + u * ${lanes}u;
      if (i < ${chunk * fours}u) {
        let k = k0 + i % ${chunk}u;
        let row = row0 + 4u * (i / ${chunk}u);
        var four = vec4<f32>(x_at(row, k), x_at(row + 1u, k), x_at(row + 2u, k), x_at(row + 3u, k));
        ${normed ? 'squares[u] += four * four;\n        if (k < params.inner) { four *= gain[k]; }' : ''}
        room[i] = four;
      }
    }
    workgroupBarrier();
    let first = k0 + slice * ${TERMS}u;
    if (column < width) {
      ${listOf(parts)
        .map((m) => (parts === 1 ? terms(m) : `if (part == ${m}u) { ${terms(m)} }`))
        .join('\n      ')}
    }
  }
  ${normed ? scaleSums(fours, chunk, loads, lanes, sums) : ''}
  ${listOf(fours)
    .map(
      (f) => `{
    ${sums
      .map(
        (s) => `
    workgroupBarrier();
    room[lane] = sum${s}_${f};
    workgroupBarrier();
    var total${s} = vec4<f32>();
    for (var other = 0u; other < ${slices}u; other++) {
      total${s} += room[other * ${COLUMNS}u + lane % ${COLUMNS}u];
    }`,
      )
      .join('')}
    if (slice == ${f % slices}u && column < width) {
      for (var i = 0u; i < 4u; i++) {
        let row = row0 + ${4 * f}u + i;
        if (row < params.rows) { ${store(kind, parts)} }
      }
    }
  }`,
    )
    .join('\n  ')}
}`;
}

/** Divides the sums by the root mean square of their rows. */
function scaleSums(
  fours: number,
  chunk: number,
  loads: number,
  lanes: number,
  sums: readonly number[],
): string {
  return `
  workgroupBarrier();
  for (var u = 0u; u < ${loads}u; u++) {
    let i = lane + u * ${lanes}u;
    if (i < ${chunk * fours}u) { room[i] = squares[u]; }
  }
  workgroupBarrier();
  var eighth = vec4<f32>();
  if (lane < ${8 * fours}u) {
    for (var j = 0u; j < ${chunk / 8}u; j++) { eighth += room[lane * ${chunk / 8}u + j]; }
  }
  workgroupBarrier();
  if (lane < ${8 * fours}u) { room[lane] = eighth; }
  workgroupBarrier();
  ${listOf(fours)
    .map(
      (f) => `{
    var square = vec4<f32>();
    for (var j = 0u; j < 8u; j++) { square += room[${f * 8}u + j]; }
    let scale = 1.0 / sqrt(square / f32(params.inner) + params.epsilon);
    ${sums.map((s) => `sum${s}_${f} *= scale;`).join(' ')}
  }`,
    )
    .join('\n  ')}`;
}

function store(kind: Kind, parts: number): string {
  const at = 'row * width + column';
  if (kind === 'added') return `out[${at}] = residual[${at}] + total0[i];`;
  if (kind === 'gated') return `out[${at}] = total0[i] * sigmoid(total0[i]) * total1[i];`;
  if (kind === 'joined') return `out[part * params.rows * width + ${at}] = total0[i];`;
  if (parts === 1) return `out0[${at}] = total0[i];`;
  return listOf(parts)
    .map((m) => `if (part == ${m}u) { out${m}[${at}] = total0[i]; }`)
    .join(' ');
}

/** A product of few rows. */
export interface FewRowsProduct {
  readonly kind: Kind;
  /** `[n, in]` */
  readonly x: tf.TensorInfo;
  /** Norms x before. */
  readonly norm?: { readonly gain: tf.TensorInfo; readonly epsilon: number };
  /** `[in, outᵢ]`, at most 3; of one width unless the products are apart. */
  readonly matrices: readonly tf.TensorInfo[];
  /** outᵢ */
  readonly columns: readonly number[];
  /** What the product is added to. */
  readonly residual?: tf.TensorInfo;
  /** `[n, outᵢ]` each where they are apart, `[·, n, out]` where they are joined, else one `[n, out]`. */
  readonly outs: readonly tf.TensorInfo[];
}

/** The most matrices of one product. */
export const MOST_MATRICES = 3;

export function multiplyFewRows({ run }: Gpu, product: FewRowsProduct): void {
  const { kind, x, norm, matrices, columns, residual, outs } = product;
  const [rows, inner] = x.shape as [number, number];
  const fours = rows <= 4 ? 1 : rows <= 8 ? 2 : 4;
  const program = programOf({
    ...{ kind, matrices: matrices.length, normed: norm !== undefined, fours },
    slices: inner > 256 ? 8 : 2,
  });
  const numbered = <T>(name: string, list: readonly T[]): Record<string, T> =>
    Object.fromEntries(list.map((entry, i) => [`${name}${i}`, entry]));
  const tiles = (kind === 'gated' ? columns.slice(0, 1) : columns).reduce(
    (sum, width) => sum + Math.ceil(width / COLUMNS),
    0,
  );
  run(program, {
    tensors: {
      ...{ x, ...numbered('w', matrices) },
      ...(norm ? { gain: norm.gain } : {}),
      ...(residual ? { residual } : {}),
      ...(kind === 'apart' ? numbered('out', outs) : { out: outs[0] as tf.TensorInfo }),
    },
    params: { rows, inner, epsilon: norm?.epsilon ?? 0, ...numbered('columns', columns) },
    groups: tiles * Math.ceil(rows / (4 * fours)),
  });
}
