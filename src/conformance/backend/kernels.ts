import type * as tf from '@tensorflow/tfjs';
import { adamWUpdate } from '../../kernels/adamw.js';
import { attention, causalMask } from '../../kernels/attention.js';
import { causalAttention } from '../../kernels/causal-attention.js';
import type { KernelChoice } from '../../kernels/choice.js';
import { embed } from '../../kernels/embedding.js';
import { gelu } from '../../kernels/gelu.js';
import { headLogProbs } from '../../kernels/head-log-probs.js';
import { linear, projections } from '../../kernels/linear.js';
import { packLinear } from '../../kernels/packed-linear.js';
import { addRmsNorm, rmsNorm } from '../../kernels/rms-norm.js';
import { rotaryTables } from '../../kernels/rotary.js';
import { swiglu } from '../../kernels/swiglu.js';
import { tokenEntropy } from '../../kernels/token-entropy.js';
import { tokenLogProbs } from '../../kernels/token-log-probs.js';
import type { BackendCase } from './backend-case.js';
import { byRow, erf, logSumExp, pointwise, sigmoid, softmax, times } from './exact.js';
import { type AttentionShape, exactCausalAttention } from './exact-attention.js';
import { type Operation, operationCases } from './operation.js';
import { floats, integers } from './values.js';

type Matrix = tf.Tensor2D;
type Numbers = Float64Array;

/** Rows and columns: odd ones, and some that fill vectors and blocks. */
const SMALL = [3, 7] as const;
const LARGE = [33, 128] as const;
const named = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
const EPSILON = 1e-6;

function linearCases(): Operation[] {
  const at = ([n, k, m]: readonly [number, number, number], large: boolean): Operation => ({
    ...{ op: 'linear', label: `[${n}, ${k}] · [${k}, ${m}]`, by: [0, 1], gradientOfReference: large },
    inputs: [floats('linear x', [n, k]), floats('linear w', [k, m])],
    run: (...[x, w]) => linear(x as Matrix, w as Matrix),
    exact: (...[x, w]) => [times(x as Numbers, w as Numbers, k)],
  });
  const three = [floats('proj a', [7, 5]), floats('proj b', [7, 3]), floats('proj c', [7, 9])];
  return [
    ...[at([3, 7, 5], false), at([33, 128, 344], true)],
    {
      ...{
        op: 'projections',
        label: 'three of [4, 7]',
        inputs: [floats('proj x', [4, 7]), ...three],
        by: [0, 1, 2, 3],
      },
      run: (...[x, ...weights]) => projections(x as Matrix, weights as Matrix[]),
      exact: (...[x, ...weights]) => weights.map((w) => times(x as Numbers, w, 7)),
    },
    {
      ...{ op: 'packLinear', label: 'three of [4, 7]', inputs: [floats('pack x', [4, 7]), ...three] },
      run: (...[x, ...weights]) => {
        const packed = packLinear(weights as Matrix[]);
        const outputs = packed.multiply(x as Matrix);
        packed.dispose();
        return outputs;
      },
      exact: (...[x, ...weights]) => weights.map((w) => times(x as Numbers, w, 7)),
    },
  ];
}

const normed = (row: ArrayLike<number>, gain: Numbers): number[] => {
  const values = Array.from(row);
  const scale =
    1 / Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length + EPSILON);
  return values.map((value, c) => value * scale * (gain[c] as number));
};

function normCases(): Operation[] {
  return [SMALL, LARGE].flatMap((shape): Operation[] => {
    const [rows, d] = shape;
    const gain = floats('gain', [d], (x) => 1 + 0.3 * x);
    const large = rows > 5;
    return [
      {
        ...{ op: 'rmsNorm', label: named(shape), by: [0, 1], gradientOfReference: large },
        inputs: [floats('norm x', shape), gain],
        run: (...[x, g]) => rmsNorm(x as Matrix, g as tf.Tensor1D, EPSILON),
        exact: (...[x, g]) => byRow(d, (row) => normed(row, g as Numbers))(x as Numbers),
      },
      {
        ...{ op: 'addRmsNorm', label: named(shape), by: [0, 1, 2], gradientOfReference: large },
        inputs: [floats('norm x', shape), floats('norm branch', shape), gain],
        run: (...[x, branch, g]) => {
          const both = addRmsNorm(x as Matrix, branch as Matrix, g as tf.Tensor1D, EPSILON);
          return [both.stream, both.normed];
        },
        exact: (...[x, branch, g]) => {
          const stream = (x as Numbers).map((value, i) => value + ((branch as Numbers)[i] as number));
          return [stream, ...byRow(d, (row) => normed(row, g as Numbers))(stream)];
        },
      },
    ];
  });
}

function activationCases(): Operation[] {
  return [SMALL, [37, 61] as const].flatMap((shape): Operation[] => [
    {
      ...{ op: 'swiglu', label: named(shape), by: [0, 1], pointwise: true },
      inputs: [floats('gate', shape, (x) => 3 * x), floats('up', shape)],
      run: (...[gate, up]) => swiglu(gate as Matrix, up as Matrix),
      exact: pointwise((gate, up) => gate * sigmoid(gate) * up, shape, shape),
    },
    {
      ...{ op: 'gelu', label: named(shape), by: [0], pointwise: true },
      inputs: [floats('gelu', shape)],
      run: (...[x]) => gelu(x as Matrix),
      exact: pointwise((x) => 0.5 * x * (1 + erf(x / Math.SQRT2)), shape),
    },
  ]);
}

const idsBelow = (count: number, below: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * i * 7 + 3 * i) % below);

function tokenCases(): Operation[] {
  return (
    [
      [3, 7, 3],
      [9, 503, 5],
      [4, 11, 300],
    ] as const
  ).flatMap(([rows, vocabulary, scale]): Operation[] => {
    // Logits of ±300 bend so sharply that steps of float64 miss it.
    const large = rows > 3;
    const ids = idsBelow(rows, vocabulary);
    const logits = floats('logits', [rows, vocabulary], (x) => scale * x);
    const common = { label: `[${rows}, ${vocabulary}], of size ${scale}`, gradientOfReference: large };
    return [
      {
        ...{ op: 'tokenLogProbs', ...common, inputs: [logits, integers(ids)], by: [0] },
        run: (...[x, targets]) => tokenLogProbs(x as Matrix, targets as tf.Tensor1D),
        exact: (...[x]) => [
          ids.map((id, n) => {
            const row = (x as Numbers).subarray(n * vocabulary, (n + 1) * vocabulary);
            return (row[id] as number) - logSumExp(row);
          }),
        ],
      },
      {
        ...{ op: 'tokenEntropy', ...common, inputs: [logits], by: [0] },
        run: (...[x]) => tokenEntropy(x as Matrix),
        exact: (...[x]) =>
          byRow(vocabulary, (row) => {
            const normalizer = logSumExp(row);
            return [softmax(row).reduce((sum, p, v) => sum + p * (normalizer - (row[v] as number)), 0)];
          })(x as Numbers),
      },
    ];
  });
}

function lookupCases(): Operation[] {
  const at = (rows: number, d: number, count: number): Operation => {
    const ids = idsBelow(count, rows);
    return {
      ...{ op: 'embed', label: `${count} rows of [${rows}, ${d}], some repeated`, by: [0] },
      inputs: [floats('table', [rows, d]), integers(ids)],
      run: (...[table, i]) => embed(table as Matrix, i as tf.Tensor1D),
      exact: (...[table]) => [
        ids.flatMap((id) => Array.from((table as Numbers).subarray(id * d, (id + 1) * d))),
      ],
      gradientOfReference: count > 50,
    };
  };
  const targets = idsBelow(5, 9);
  return [
    ...[at(5, 3, 9), at(57, 33, 301)],
    {
      ...{ op: 'headLogProbs', label: 'a head in two pieces, two positions at a time', by: [0, 1, 2] },
      inputs: [floats('hidden', [5, 4]), floats('head a', [4, 6]), floats('head b', [4, 3])],
      run: (...[hidden, a, b]) =>
        headLogProbs(hidden as Matrix, { weights: [a as Matrix, b as Matrix] }, Int32Array.from(targets), {
          ...{ rows: 2, temperature: 0.7, trained: [a as Matrix, b as Matrix] },
        }),
      exact: (...[hidden, a, b]) => {
        const [left, right] = [
          times(hidden as Numbers, a as Numbers, 4),
          times(hidden as Numbers, b as Numbers, 4),
        ];
        return [
          targets.map((target, n) => {
            const row = [...left.subarray(6 * n, 6 * n + 6), ...right.subarray(3 * n, 3 * n + 3)].map(
              (z) => z / 0.7,
            );
            return (row[target] as number) - logSumExp(row);
          }),
        ];
      },
    },
  ];
}

function attentionCases(): Operation[] {
  const at = (shape: AttentionShape, large: boolean): Operation => {
    const { batch, length, heads, size } = shape;
    const flat = [batch * length, heads * size];
    return {
      ...{
        op: 'causalAttention',
        label: `${batch} × ${length} positions, ${heads} heads of ${size}`,
        by: [0, 1, 2],
      },
      inputs: [floats('q', flat), floats('k', flat), floats('v', flat)],
      run: (...[q, k, v]) => {
        const tables = rotaryTables(
          Array.from({ length }, (_, p) => p),
          size,
        );
        return causalAttention(q as Matrix, k as Matrix, v as Matrix, tables, heads);
      },
      exact: (...[q, k, v]) => [exactCausalAttention(shape, q as Numbers, k as Numbers, v as Numbers)],
      gradientOfReference: large,
    };
  };
  const four = [2, 2, 3, 4];
  return [
    at({ batch: 2, length: 3, heads: 2, size: 4 }, false),
    at({ batch: 2, length: 33, heads: 4, size: 16 }, true),
    {
      ...{ op: 'attention', label: 'masked, [2, 2, 3, 4]', by: [0, 1, 2] },
      inputs: [floats('q4', four), floats('k4', four), floats('v4', four)],
      run: (...[q, k, v]) => attention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, causalMask(3)),
      exact: (...[q, k, v]) => {
        // Each head of each row as a sequence of its own, unrotated.
        const shape = { batch: 4, length: 3, heads: 1, size: 4, rotated: false };
        return [exactCausalAttention(shape, q as Numbers, k as Numbers, v as Numbers)];
      },
    },
  ];
}

function optimizerCases(): Operation[] {
  const shape = [5, 7];
  const numbers = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, rate: 0.01, correction: 1.5, shrink: 0.999 };
  return [
    {
      ...{ op: 'adamWUpdate', label: named(shape) },
      inputs: [
        ...[floats('variable', shape), floats('gradient', shape), floats('mean', shape)],
        floats('square', shape, (x) => x * x),
      ],
      run: (...[variable, gradient, mean, square]) => {
        const state = { variable, gradient, mean, square } as {
          [K in 'variable' | 'gradient' | 'mean' | 'square']: tf.Tensor;
        };
        const next = adamWUpdate(state, numbers);
        return [next.variable, next.mean, next.square];
      },
      exact: (...[variable, gradient, mean, square]) => {
        const each = (f: (i: number) => number): Float64Array => (variable as Numbers).map((_, i) => f(i));
        const g = gradient as Numbers;
        const m = each((i) => 0.9 * (mean?.[i] as number) + 0.1 * (g[i] as number));
        const v = each((i) => 0.99 * (square?.[i] as number) + 0.01 * (g[i] as number) ** 2);
        const next = each(
          (i) =>
            (variable?.[i] as number) * 0.999 -
            (0.01 * (m[i] as number)) / (1.5 * Math.sqrt(v[i] as number) + 1e-3),
        );
        return [next, m, v];
      },
    },
  ];
}

/** bicot's kernels at some inputs. */
export function kernelOperations(): Operation[] {
  return [
    ...linearCases(),
    ...normCases(),
    ...activationCases(),
    ...tokenCases(),
    ...lookupCases(),
    ...attentionCases(),
    ...optimizerCases(),
  ];
}

/** The coarse operations that models are made of, with each kind of kernels that there is. */
export const kernelCases = (choices: readonly KernelChoice[]): BackendCase[] =>
  choices.flatMap((choice) => kernelOperations().flatMap((operation) => operationCases(operation, choice)));
