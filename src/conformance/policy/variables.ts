import * as tf from '@tensorflow/tfjs';
import { completionLogProbs } from '../../policy/log-probs.js';
import type { NamedVariables, Policy } from '../../policy/policy.js';
import { someNames, unlistedVariables } from '../../policy/unlisted-variables.js';
import { variableGradients } from '../../tensor/gradients.js';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { error, type Measured, note, ok } from '../check-result.js';
import type { Subject } from './subject.js';

/** Log-prob gradients by variable name; nothing where the log-probs do not depend on the variable. */
export type VariableGradients = ReadonlyMap<string, Float32Array | undefined>;

/** A policy's variables can be named, ordered and trained. */
export function checkVariables<Context>(policy: Policy<Context>): Measured {
  const names = Object.keys(policy.variables);
  if (names.length === 0) return error('policy.variables is empty: nothing can be trained');
  const list = Object.values(policy.variables);
  const broken = names.filter((_, i) => !(list[i] instanceof tf.Variable) || list[i]?.isDisposed);
  if (broken.length > 0) return error(`disposed, or no tf.Variable: ${broken.join(', ')}`);
  const twice = names.filter((_, i) => list.indexOf(list[i] as tf.Variable) !== i);
  if (twice.length > 0) {
    return error(
      `listed under two names: ${twice.join(', ')}`,
      'List a shared variable once; the optimiser would move it twice.',
    );
  }
  const frozen = names.filter((_, i) => list[i]?.trainable === false);
  if (frozen.length > 0) {
    return error(
      `trainable is false: ${frozen.join(', ')}`,
      'Leave variables that must not be trained out of policy.variables, or make them trainable.',
    );
  }
  const again = policy.variables;
  const stable =
    Object.keys(again).join('\n') === names.join('\n') && list.every((v, i) => v === Object.values(again)[i]);
  if (!stable) {
    return error(
      'policy.variables gives other variables, names or another order each time',
      'Make the object once: optimisers and checkpoints rely on stable names and order.',
    );
  }
  const values = list.reduce((sum, { size }) => sum + size, 0);
  return ok(`${names.length} variables, ${values} values`);
}

/**
 * Something can be trained in this space.
 * @param reached receives the names of the variables that a gradient reached
 */
export async function checkGradients<Context>(
  subject: Subject<Context>,
  reached: Set<string>,
): Promise<Measured> {
  const gradients = await gradientsOf(subject.policy, subject);
  const silent: string[] = [];
  const broken: string[] = [];
  for (const [name, values] of gradients) {
    if (values === undefined || values.every((value) => value === 0)) silent.push(name);
    else if (!values.every(Number.isFinite)) broken.push(name);
    else reached.add(name);
  }
  if (broken.length > 0) return error(`not finite: ${broken.join(', ')}`);
  if (silent.length === gradients.size) return error('zero for every variable');
  // A space need not use every variable (a unified model has one head per space).
  return silent.length === 0 ? ok('reach every variable') : note(`zero for this space: ${silent.join(', ')}`);
}

/** What the space's log-probs depend on is listed, as far as TensorFlow.js knows of it. */
export function checkUnlisted<Context>({ policy, contexts, completion, space }: Subject<Context>): Measured {
  const names = unlistedVariables(policy, () => completionLogProbs(policy, { contexts, completion, space }));
  if (names.length === 0) return ok('none');
  return note(
    `log-probs also depend on ${names.length} variables that will not train: list them in policy.variables if they should (TensorFlow.js's names: ${someNames(names)})`,
  );
}

/** Every variable matters to some space. */
export function checkReached(variables: NamedVariables, reached: ReadonlySet<string>): Measured {
  const names = Object.keys(variables);
  const silent = names.filter((name) => !reached.has(name));
  if (silent.length === 0) return ok(`all ${names.length} variables have a gradient in some space`);
  return error(`no space's log-probs depend on: ${silent.join(', ')}`);
}

/**
 * Gradients of a weighted sum of the subject's log-probs. The weights are random, as those of training are: with
 * equal ones, gradients that cancel would look like none.
 */
export async function gradientsOf<Context>(
  policy: Policy<Context>,
  { contexts, completion, space }: Subject<Context>,
): Promise<VariableGradients> {
  const { rows, width } = completion;
  const entries = Object.entries(policy.variables);
  const upstream = tf.tensor2d(normalValues(uniformStream('checkPolicy', 'upstream'), rows * width), [
    rows,
    width,
  ]);
  const loss = () =>
    tf.sum(tf.mul(completionLogProbs(policy, { contexts, completion, space }), upstream)) as tf.Scalar;
  const gradients = new Map<string, Float32Array | undefined>();
  try {
    const found = variableGradients(
      loss,
      entries.map(([, variable]) => variable),
    );
    for (const [name, variable] of entries) {
      const gradient = found?.grads[variable.name];
      gradients.set(name, (await gradient?.data()) as Float32Array | undefined);
    }
    if (found) tf.dispose([found.value, found.grads]);
  } finally {
    upstream.dispose();
  }
  return gradients;
}

/** A number that changes when a value does, by variable name: FNV-1a over the bits. */
export async function fingerprints(variables: NamedVariables): Promise<ReadonlyMap<string, number>> {
  const prints = new Map<string, number>();
  for (const [name, variable] of Object.entries(variables)) {
    const values = await variable.data();
    let hash = 0x811c9dc5;
    for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength)) {
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    prints.set(name, hash >>> 0);
  }
  return prints;
}

/** The values are what they were. */
export async function checkUntouched(
  variables: NamedVariables,
  before: ReadonlyMap<string, number>,
): Promise<Measured> {
  const now = await fingerprints(variables);
  const changed = [...now].filter(([name, print]) => before.get(name) !== print).map(([name]) => name);
  return changed.length === 0
    ? ok('as they were, bit for bit')
    : error(`changed by scoring or decoding: ${changed.join(', ')}`);
}
