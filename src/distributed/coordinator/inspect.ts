import { BicotError } from '../../errors.js';
import type { ExecutorTask } from '../../parallel/executor.js';
import type { HostPass } from '../../parallel/protocol.js';
import type { EnsembleResult } from '../../rewards/ensemble/result.js';
import type { Completions } from '../../sampling/sampler.js';
import { resultOf } from '../wire/check.js';
import { decode } from '../wire/codec.js';
import { type PackedInfo, unpack } from '../wire/packed.js';

/** What tasks give, as it comes from a worker. */
export interface Results {
  readonly sample: Completions;
  readonly score: { readonly logProbs: Float32Array };
  readonly gradients: HostPass;
  readonly reward: EnsembleResult;
}

/** A result that was looked at. */
export interface Inspected {
  readonly value: Results[ExecutorTask];
  /** Where a number is not finite that should be; absent if all are. */
  readonly nonFinite?: string;
}

/**
 * Reads what a worker left.
 * @throws BicotError `value` if it is damaged, too large or no result of such a task
 */
export async function inspect(
  task: ExecutorTask,
  stored: Uint8Array,
  info: PackedInfo,
  most: number,
): Promise<Inspected> {
  const bytes = await unpack(stored, info, { most, what: 'a result' });
  const value = resultOf<Results[ExecutorTask]>(task, decode(bytes));
  const nonFinite = nonFiniteIn(task, value);
  return { value, ...(nonFinite !== undefined && { nonFinite }) };
}

/** @throws BicotError `value` for a result that has not the size of what was asked for */
export function assertRows(what: string, found: number, wanted: number): void {
  if (found === wanted) return;
  throw new BicotError('value', `distributed: ${what} has ${found} numbers, and ${wanted} were asked for.`);
}

function nonFiniteIn(task: ExecutorTask, value: Results[ExecutorTask]): string | undefined {
  if (task === 'reward') return undefined;
  if (task === 'sample') return partOf({ 'log-probs': (value as Completions).behaviourLogProbs });
  if (task === 'score') return partOf({ 'log-probs': (value as Results['score']).logProbs });
  const { loss, logProbs, gradients } = value as HostPass;
  return partOf({ 'the loss': Float32Array.of(loss), 'log-probs': logProbs, ...gradients });
}

function partOf(arrays: Readonly<Record<string, Float32Array>>): string | undefined {
  return Object.entries(arrays).find(([, values]) => !values.every(Number.isFinite))?.[0];
}
