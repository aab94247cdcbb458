import type { ReferenceFile } from './cases.js';
import type { Matrix, ReferenceCase, ReferenceInputs } from './trl-options.js';

/** Parts of a file as JSON gives them. */
type Json = Readonly<Record<string, unknown>>;

/** A file that can't be used, in words. */
export class UnusableFile extends Error {}

function need(holds: boolean, what: string): asserts holds {
  if (!holds) throw new UnusableFile(what);
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A matrix of `rows` rows that all have the width; booleans are 1 and 0. */
function matrix(value: unknown, name: string, rows: number, width: number): Matrix {
  need(
    Array.isArray(value) && value.length === rows,
    `inputs.${name} must have ${rows} rows, as inputs.logp`,
  );
  return value.map((row: unknown, i) => {
    need(Array.isArray(row) && row.length === width, `row ${i} of inputs.${name} must have ${width} numbers`);
    return row.map((entry: unknown, t) => {
      const number = typeof entry === 'boolean' ? Number(entry) : entry;
      need(
        typeof number === 'number',
        `inputs.${name}[${i}][${t}] is ${JSON.stringify(entry)}, not a number`,
      );
      return number;
    });
  });
}

function readInputs(inputs: unknown): ReferenceInputs {
  need(isObject(inputs), 'there is no object "inputs"');
  const { logp, sampling, adv } = inputs;
  need(Array.isArray(logp) && logp.length > 0, 'there is no inputs.logp, or it has no rows');
  const rows = logp.length;
  const width = Array.isArray(logp[0]) ? logp[0].length : 0;
  need(width > 0, 'inputs.logp must be rows of numbers');
  const required = (name: string) => matrix(inputs[name], name, rows, width);
  const optional = (name: string) => (inputs[name] === undefined ? undefined : required(name));
  need(
    Array.isArray(adv) && adv.length === rows && adv.every((a) => typeof a === 'number'),
    `inputs.adv must be ${rows} numbers`,
  );
  const old = required('old');
  return {
    ...(inputs as unknown as ReferenceInputs),
    logp: required('logp'),
    old,
    mask: required('mask'),
    ref: optional('ref'),
    entropy: optional('entropy'),
    // A sampler that could not score a token (NaN, here null) has no difference there, as in TRL.
    ...(Array.isArray(sampling) && {
      sampling: matrix(
        sampling.map((row: unknown, i) =>
          Array.isArray(row) ? row.map((entry: unknown, t) => entry ?? old[i]?.[t]) : row,
        ),
        'sampling',
        rows,
        width,
      ),
    }),
  };
}

function readCase(value: unknown, name: string): ReferenceCase {
  need(isObject(value), `trl["${name}"] is no object`);
  const { loss_type, options = {}, grad = [] } = value;
  need(typeof loss_type === 'string', `trl["${name}"] has no loss_type`);
  need(isObject(options), `trl["${name}"].options is no object`);
  need(Array.isArray(grad), `trl["${name}"].grad is no matrix`);
  // What is null is not set.
  const set = Object.fromEntries(Object.entries(options).filter(([, option]) => option !== null));
  return { ...(value as unknown as ReferenceCase), options: set, grad };
}

/**
 * A file of reference values out of JSON.
 * @throws UnusableFile saying what is wrong
 */
export function readReferenceFile(json: unknown): ReferenceFile {
  need(isObject(json), 'it is no JSON object');
  const { trl, advantages, verl_kl } = json;
  need(trl === undefined || isObject(trl), '"trl" is no object');
  need(verl_kl === undefined || isObject(verl_kl), '"verl_kl" is no object');
  const inputs = readInputs(json.inputs);
  if (verl_kl) need(inputs.ref !== undefined, 'verl_kl needs inputs.ref');
  if (advantages !== undefined) {
    need(isObject(advantages) && isObject(advantages.out), '"advantages" has no object "out"');
    need(Array.isArray(advantages.rewards_per_func), 'advantages.rewards_per_func is no matrix');
    need(Array.isArray(advantages.weights), 'advantages.weights is no list');
  }
  return {
    ...(json as unknown as ReferenceFile),
    inputs,
    ...(trl && {
      trl: Object.fromEntries(Object.entries(trl).map(([name, one]) => [name, readCase(one, name)])),
    }),
  };
}
