import { assertKnownOptions } from '../../options.js';
import type { Logger } from '../../train/logger.js';
import { retriesOf, type WritingOptions } from './patience.js';
import { recordFile } from './record-file.js';

/**
 * Writes what the monitor finds, one finding as one line of JSON, under the rules of `metricsLogger`. Without findings
 * there is no file.
 * @param path e.g. `runs/1/findings.jsonl`; the file and its folder are made
 * @throws BicotError `value` for options that make no sense. While logging: `file` with the path, the cause and what to do
 */
export function findingsLogger(path: string, options: WritingOptions = {}): Logger {
  assertKnownOptions('findingsLogger', options, ['retries']);
  const file = recordFile(path, { retries: retriesOf('findingsLogger', options) });
  return ({ metrics: { step }, findings }) =>
    file.add(
      step,
      findings.map((finding) => ({ ...finding, step })),
    );
}
