import * as tf from '@tensorflow/tfjs';
import { erf, pointwise, sigmoid } from '../exact.js';
import type { Operation } from '../operation.js';
import { flags, floats, given, type HostInput, integers } from '../values.js';

/** Odd sizes, and one that fills several work groups or threads. */
const SHAPES: readonly (readonly number[])[] = [[1], [3, 7], [41, 53]];

/** An operation of one tensor, entry by entry. */
interface Unary {
  readonly op: string;
  readonly run: (x: tf.Tensor) => tf.Tensor;
  readonly exact: (x: number) => number;
  /** Where inputs lie. Default: N(0, 1). */
  readonly domain?: (value: number) => number;
  /** Inputs that have gone wrong somewhere. */
  readonly traps?: readonly number[];
  readonly differentiable?: boolean;
  readonly tolerance?: number;
}

const positive = (x: number): number => Math.fround(0.1 + Math.abs(x));
/** Away from 0, where the slope jumps. */
const apart = (x: number): number => (Math.abs(x) < 0.05 ? 0.5 : x);

const UNARY: readonly Unary[] = [
  { op: 'neg', run: (x) => tf.neg(x), exact: (x) => -x },
  { op: 'abs', run: (x) => tf.abs(x), exact: Math.abs, domain: apart, traps: [0, -1e30] },
  { op: 'square', run: (x) => tf.square(x), exact: (x) => x * x },
  { op: 'exp', run: (x) => tf.exp(x), exact: Math.exp, traps: [-1e9, -200, -1, 0, 5] },
  { op: 'log', run: (x) => tf.log(x), exact: Math.log, domain: positive, traps: [1e-30, 1, 1e30] },
  { op: 'sqrt', run: (x) => tf.sqrt(x), exact: Math.sqrt, domain: positive, traps: [0, 1e-12, 1e12] },
  { op: 'rsqrt', run: (x) => tf.rsqrt(x), exact: (x) => 1 / Math.sqrt(x), domain: positive },
  { op: 'sigmoid', run: (x) => tf.sigmoid(x), exact: sigmoid, traps: [-100, -20, 0, 20, 100] },
  { op: 'tanh', run: (x) => tf.tanh(x), exact: Math.tanh, traps: [-200, -20, 0, 20, 200] },
  { op: 'erf', run: (x) => tf.erf(x), exact: erf, traps: [-10, -4, 0, 4, 10] },
  { op: 'clone', run: (x) => tf.clone(x), exact: (x) => x },
  {
    ...{ op: 'sign', run: (x: tf.Tensor) => tf.sign(x), exact: Math.sign },
    ...{ traps: [-3, 0, 1e-6, 5], differentiable: false },
  },
  { op: 'zerosLike', run: (x) => tf.zerosLike(x), exact: () => 0, differentiable: false },
  { op: 'onesLike', run: (x) => tf.onesLike(x), exact: () => 1, differentiable: false },
];

function unary({ op, run, exact, domain, traps, differentiable = true, tolerance }: Unary): Operation[] {
  const at = (label: string, input: HostInput, derive: boolean): Operation => ({
    ...{ op, label, inputs: [input], pointwise: true },
    run: (...[x]) => run(x as tf.Tensor),
    exact: pointwise(exact, input.shape),
    ...(derive && { by: [0] }),
    ...(tolerance !== undefined && { tolerance }),
  });
  return [
    ...SHAPES.map((shape) => at(`[${shape.join(', ')}]`, floats(op, shape, domain), differentiable)),
    ...(traps ? [at(`of ${traps.join(', ')}`, given(traps), false)] : []),
  ];
}

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** Shapes of both sides: alike, a row, a column, one number, and no tensor of rank 2. */
const PAIRS: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [3, 7],
    [3, 7],
  ],
  [[5, 3], [3]],
  [
    [5, 3],
    [5, 1],
  ],
  [[2, 3, 5], []],
  [
    [2, 1, 3, 5],
    [2, 4, 1, 5],
  ],
];

/** How an operation of two tensors is examined. */
interface BinaryOptions {
  /** Where the inputs lie. */
  readonly first?: (value: number) => number;
  readonly second?: (value: number) => number;
  /** Whether it has gradients of sides that were broadcast; TensorFlow.js has none for some. */
  readonly broadcastGradients?: boolean;
}

function binary(
  op: string,
  run: Binary,
  exact: (a: number, b: number) => number,
  { first, second = apart, broadcastGradients = true }: BinaryOptions = {},
): Operation[] {
  const at = (a: readonly number[], b: readonly number[], large: boolean): Operation => {
    const sides = [a.length >= b.length, a.join() === b.join()];
    const by = broadcastGradients ? [0, 1] : [0, 1].filter((side) => sides[side]);
    return {
      ...{ op, label: `[${a.join(', ')}] with [${b.join(', ')}]`, by, pointwise: large },
      inputs: [floats(`${op} a`, a, first), floats(`${op} b`, b, second)],
      run: (...[x, y]) => run(x as tf.Tensor, y as tf.Tensor),
      exact: pointwise(exact, a, b),
    };
  };
  const pairs = broadcastGradients ? PAIRS : PAIRS.slice(0, -1);
  return [...pairs.map(([a, b]) => at(a, b, false)), at([41, 53], [41, 53], true)];
}

/** Numbers of which no two are so near that a small step changes which of them is larger. */
const APART: BinaryOptions = {
  first: (x) => Math.round(2 * x) / 2,
  second: (x) => Math.round(2 * x) / 2 + 0.25,
  broadcastGradients: false,
};

/** Whole numbers, of which targets of tokens are made. */
const wholeNumbers = (op: string, run: Binary, exact: (a: number, b: number) => number): Operation => {
  const [a, b] = [integers([-5, 0, 7, 16_777_217, -2]), integers([3, 0, 7, 1, -9])];
  return {
    ...{ op, label: 'whole numbers, one above 2²⁴', inputs: [a, b] },
    run: (...[x, y]) => run(x as tf.Tensor, y as tf.Tensor),
    exact: pointwise(exact, a.shape, b.shape),
    tolerance: 0,
  };
};

type Compare = (a: number, b: number) => boolean;

function comparison(op: string, run: Binary, holds: Compare): Operation[] {
  const exact = (a: number, b: number): number => (holds(a, b) ? 1 : 0);
  const [a, b] = [given([1, 2, 2, -3, 0, 1e-20, 7]), given([2, 1, 2, -3, 0, 0, -7])];
  const [i, j] = [integers([0, 5, 5, -1]), integers([1, 5, 4, 3])];
  const at = (label: string, left: HostInput, right: HostInput): Operation => ({
    ...{ op, label, inputs: [left, right], tolerance: 0 },
    run: (...[x, y]) => run(x as tf.Tensor, y as tf.Tensor),
    exact: pointwise(exact, left.shape, right.shape),
  });
  return [
    at('numbers, some of them equal', a, b),
    at('whole numbers', i, j),
    at('with one number', floats(op, [5, 9]), given([0], [])),
  ];
}

function logical(op: string, run: Binary, holds: Compare): Operation {
  const [a, b] = [flags([0, 0, 1, 1]), flags([0, 1, 0, 1])];
  return {
    ...{ op, label: 'all four pairs', inputs: [a, b], tolerance: 0 },
    run: (...[x, y]) => run(x as tf.Tensor, y as tf.Tensor),
    exact: pointwise((x, y) => (holds(x, y) ? 1 : 0), [4], [4]),
  };
}

/** Operations that work entry by entry. */
export function pointwiseOperations(): Operation[] {
  return [
    ...UNARY.flatMap(unary),
    ...binary(
      'add',
      (a, b) => tf.add(a, b),
      (a, b) => a + b,
    ),
    ...binary(
      'sub',
      (a, b) => tf.sub(a, b),
      (a, b) => a - b,
    ),
    ...binary(
      'mul',
      (a, b) => tf.mul(a, b),
      (a, b) => a * b,
    ),
    ...binary(
      'div',
      (a, b) => tf.div(a, b),
      (a, b) => a / b,
      { second: positive },
    ),
    ...binary('minimum', (a, b) => tf.minimum(a, b), Math.min, APART),
    ...binary('maximum', (a, b) => tf.maximum(a, b), Math.max, APART),
    wholeNumbers(
      'add',
      (a, b) => tf.add(a, b),
      (a, b) => a + b,
    ),
    wholeNumbers(
      'sub',
      (a, b) => tf.sub(a, b),
      (a, b) => a - b,
    ),
    wholeNumbers('minimum', (a, b) => tf.minimum(a, b), Math.min),
    wholeNumbers('maximum', (a, b) => tf.maximum(a, b), Math.max),
    ...comparison(
      'greater',
      (a, b) => tf.greater(a, b),
      (a, b) => a > b,
    ),
    ...comparison(
      'greaterEqual',
      (a, b) => tf.greaterEqual(a, b),
      (a, b) => a >= b,
    ),
    ...comparison(
      'less',
      (a, b) => tf.less(a, b),
      (a, b) => a < b,
    ),
    ...comparison(
      'lessEqual',
      (a, b) => tf.lessEqual(a, b),
      (a, b) => a <= b,
    ),
    ...comparison(
      'equal',
      (a, b) => tf.equal(a, b),
      (a, b) => a === b,
    ),
    ...comparison(
      'notEqual',
      (a, b) => tf.notEqual(a, b),
      (a, b) => a !== b,
    ),
    logical(
      'logicalAnd',
      (a, b) => tf.logicalAnd(a, b),
      (a, b) => a === 1 && b === 1,
    ),
    logical(
      'logicalOr',
      (a, b) => tf.logicalOr(a, b),
      (a, b) => a === 1 || b === 1,
    ),
  ];
}
