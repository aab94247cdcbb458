import { assertKnownOptions } from '../../options.js';
import type { Logger } from '../../train/logger.js';
import { retriesOf, type WritingOptions } from './patience.js';
import { recordFile } from './record-file.js';

/**
 * Writes every step's metrics as one line of JSON (docs/metrics.md; NaN is null). Each line is on the disk before
 * training goes on, so that a crash costs at most the line being written. When it is first told of a step, or told of one
 * again, it drops the lines of this and later steps: a run that goes on from a checkpoint has one line for each step.
 * @param path e.g. `runs/1/metrics.jsonl`; the file and its folder are made
 * @throws BicotError `value` for options that make no sense. While logging: `file` with the path, the cause and what to do
 */
export function metricsLogger(path: string, options: WritingOptions = {}): Logger {
  assertKnownOptions('metricsLogger', options, ['retries']);
  const file = recordFile(path, { retries: retriesOf('metricsLogger', options) });
  return ({ metrics }) => file.add(metrics.step, [metrics]);
}
