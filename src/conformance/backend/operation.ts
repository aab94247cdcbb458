import * as tf from '@tensorflow/tfjs';
import type { KernelChoice } from '../../kernels/choice.js';
import { type BackendCase, type BackendCheckKind, IS_REFERENCE, type Values } from './backend-case.js';
import { type Exact, numericGradients } from './numeric-gradient.js';
import { floats, type HostInput, largestError, readAll, toTensor } from './values.js';

/** How far a value may be off. */
export const VALUE_TOLERANCE = 1e-5;
/** How far a gradient may be off: it is a product of several values, or a sum of many. */
export const GRADIENT_TOLERANCE = 1e-4;

/** An operation at one choice of inputs. */
export interface Operation {
  /** As it is written after `tf.`, or the name of one of bicot's kernels. */
  readonly op: string;
  /** What is special about these inputs. */
  readonly label: string;
  readonly inputs: readonly HostInput[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[];
  /** The same in float64; without, the reference backend computes it. */
  readonly exact?: Exact;
  /** Which inputs to differentiate by; none if left out. */
  readonly by?: readonly number[];
  /** See `numericGradients`. */
  readonly pointwise?: boolean;
  /** The gradient is what the reference backend has, as float64 would take too many evaluations. */
  readonly gradientOfReference?: boolean;
  /** Defaults `VALUE_TOLERANCE` and `GRADIENT_TOLERANCE`. */
  readonly tolerance?: number;
  readonly gradientTolerance?: number;
  readonly unused?: boolean;
  readonly advice?: string;
  /** Default `op`, or `kernel` for one of bicot's. */
  readonly kind?: BackendCheckKind;
}

/** An operation's cases: its values, and its gradients if it is differentiated. */
export function operationCases(operation: Operation, kernels?: KernelChoice): BackendCase[] {
  const { op, label, unused, advice, tolerance = VALUE_TOLERANCE } = operation;
  const name = `${op}${kernels ? `, ${kernels}` : ''}: ${label}`;
  const kind = operation.kind ?? (kernels ? 'kernel' : 'op');
  const common = {
    ...(kernels && { kernels }),
    ...(unused && { unused }),
    ...(advice !== undefined && { advice }),
    ...(kind === 'op' && { ops: [op] }),
  };
  const value: BackendCase = {
    ...common,
    ...{ name, kind, tolerance },
    measure: async ({ isReference, onReference }) => {
      const { exact, inputs } = operation;
      if (!exact && isReference) return IS_REFERENCE;
      const got = await valuesOf(operation);
      const expected = exact
        ? exact(...inputs.map(({ values }) => Float64Array.from(values)))
        : await onReference(() => valuesOf(operation));
      return { error: largestError(got, expected) };
    },
  };
  return operation.by ? [value, gradientCase(operation, name, common)] : [value];
}

function gradientCase(operation: Operation, name: string, common: Partial<BackendCase>): BackendCase {
  const { exact, gradientTolerance = GRADIENT_TOLERANCE } = operation;
  const numeric = exact && !operation.gradientOfReference ? exact : undefined;
  return {
    ...common,
    ...{ name: `gradient of ${name}`, kind: 'gradient', tolerance: gradientTolerance },
    measure: async ({ isReference, onReference }) => {
      if (!numeric && isReference) return IS_REFERENCE;
      const got = await gradientsOf(operation);
      const expected = numeric
        ? exactGradients(operation, numeric)
        : await onReference(() => gradientsOf(operation));
      return { error: largestError(got, expected) };
    },
  };
}

const listed = (made: tf.Tensor | readonly tf.Tensor[]): tf.Tensor[] =>
  made instanceof tf.Tensor ? [made] : [...made];

function valuesOf({ inputs, run }: Operation): Promise<Values> {
  return readAll(tf.tidy(() => listed(run(...inputs.map(toTensor)))));
}

/** What each output's entries count in the sum that is differentiated. */
const upstreamOf = (size: number, output: number): HostInput => floats(`upstream ${output}`, [size]);

function gradientsOf({ inputs, run, by = [] }: Operation): Promise<Values> {
  return readAll(
    tf.tidy(() => {
      const tensors = inputs.map(toTensor);
      const loss = (...variables: tf.Tensor[]): tf.Tensor => {
        const all = tensors.map((tensor, i) => (by.includes(i) ? variables[by.indexOf(i)] : tensor));
        return listed(run(...(all as tf.Tensor[])))
          .map((output, i) => {
            const upstream = tf.reshape(toTensor(upstreamOf(output.size, i)), output.shape);
            return tf.sum(tf.mul(output, upstream));
          })
          .reduce((sum, part) => tf.add(sum, part));
      };
      return tf.grads(loss)(by.map((i) => tensors[i] as tf.Tensor));
    }),
  );
}

function exactGradients({ inputs, by = [], pointwise = false }: Operation, exact: Exact): Values {
  const values = inputs.map((input) => Float64Array.from(input.values));
  const upstream = exact(...values).map((output, i) => upstreamOf(output.length, i).values);
  return numericGradients(exact, values, upstream, by, pointwise);
}
