import { BicotError } from '../../errors.js';
import { faultsInWords, type WantedTensor } from '../checkpoints/compare-tensors.js';
import type { TensorSource } from '../checkpoints/source.js';
import type { LlamaGenConfig } from './config.js';
import { llamaGenShapes } from './names.js';

/** A tensor to load. */
export interface PlannedTensor extends WantedTensor {
  /** Its published name. */
  readonly name: string;
}

/** What is to be loaded of a file, before anything is. */
export interface TensorPlan {
  readonly tensors: readonly PlannedTensor[];
  /** Names in the file that are not needed. */
  readonly unused: readonly string[];
}

/** What a file must have and may have. */
export interface PlanRules {
  /** PyTorch's shapes by published names. */
  readonly shapes: Iterable<readonly [name: string, shape: readonly number[]]>;
  /** What stands before the names in the file. Names without it are something else's, and not read. */
  readonly prefix: string;
  /** Published names that may be left over. */
  readonly mayBeLeft: RegExp;
  /** For the message: what does not fit what. */
  readonly advice: string;
}

/**
 * Compares what a model needs with what a file has; reads no weights.
 * @throws BicotError `checkpoint` naming all that is missing, left over, of another shape or number format
 */
export function planTensors(source: TensorSource, rules: PlanRules): TensorPlan {
  const { prefix, mayBeLeft } = rules;
  const tensors = [...rules.shapes].map(([name, shape]) => ({ name, shape, stored: prefix + name }));
  const known = new Set(tensors.map(({ stored }) => stored));
  const beside = [...source.tensors.keys()].filter((name) => !known.has(name));
  const leftOver = beside.filter(
    (name) => name.startsWith(prefix) && !mayBeLeft.test(name.slice(prefix.length)),
  );
  const faults = faultsInWords(source, tensors, leftOver);
  if (faults !== '') throw new BicotError('checkpoint', `${source.path}:${faults} ${rules.advice}`);
  return { tensors, unused: beside };
}

/** The plan of a transformer's file. @throws BicotError `checkpoint` */
export function planLlamaGen(config: LlamaGenConfig, source: TensorSource, prefix: string): TensorPlan {
  return planTensors(source, {
    ...{ shapes: llamaGenShapes(config), prefix },
    // Rotary tables, which the code computes anew.
    mayBeLeft: /^freqs_cis$/,
    advice: "These are not the tensors of a LlamaGen of the file's own width and layers; fetch it again.",
  });
}
