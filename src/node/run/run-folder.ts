import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertKnownOptions } from '../../options.js';
import type { Logger } from '../../train/logger.js';
import { writeFileAtomic } from '../files.js';
import { type TensorBoardOptions, tensorBoardLogger } from '../tensorboard/tensorboard-logger.js';
import { configText } from './config-text.js';
import { findingsLogger } from './findings-logger.js';
import { metricsLogger } from './metrics-logger.js';
import { patiently, retriesOf, type WritingOptions } from './patience.js';
import { type PictureLoggerOptions, pictureLogger } from './picture-logger.js';
import { type TrackedPicturesOptions, trackedPictures } from './tracked-pictures.js';

/** What a run's folder holds. */
export interface RunFolderOptions<P, C> extends WritingOptions {
  /** The run's settings as plain data, for `config.json` and TensorBoard. What JSON can't hold (functions) is left out. Default: none. */
  readonly config?: object;
  /** Pictures of the best and the worst groups; `false` for none. Default: as `pictureLogger`. */
  readonly pictures?: Omit<PictureLoggerOptions<P>, 'retries'> | false;
  /** Prompts that are drawn through training. Default: none. */
  readonly tracked?: Omit<TrackedPicturesOptions<P, C>, 'retries'>;
  /** Files for TensorBoard; `false` for none. Default: as `tensorBoardLogger`. */
  readonly tensorBoard?: Omit<TensorBoardOptions<P>, 'retries' | 'config'> | false;
}

/** A folder that a run writes to. */
export interface RunFolder<P, C> {
  /** As it was given. */
  readonly path: string;
  /** For `train({ loggers })`. */
  readonly loggers: readonly Logger<P, C>[];
  /** `config.json`: the settings. This and what follows is made when there is something to write. */
  readonly config: string;
  /** `metrics.jsonl`: a line for each step. */
  readonly metrics: string;
  /** `findings.jsonl`: a line for each finding of the monitor. */
  readonly findings: string;
  /** `pictures.jsonl`: a line for each picture that was kept. */
  readonly pictures: string;
  /** The folder for `train({ checkpoints: { folder } })`. */
  readonly checkpoints: string;
}

/**
 * Makes a run's folder and what writes to it: `config.json`, `metrics.jsonl`, `findings.jsonl`, `pictures.jsonl` and
 * `pictures/`, and TensorBoard's files (docs/metrics.md). A `config.json` that is there already, as in a run that goes on, is
 * replaced once the first step is made.
 * @param path e.g. `runs/1`
 * @throws BicotError `value` for options that make no sense, `file` if the folder can't be made or written to
 */
export async function runFolder<P = unknown, C = unknown>(
  path: string,
  options: RunFolderOptions<P, C> = {},
): Promise<RunFolder<P, C>> {
  const what = 'runFolder';
  assertKnownOptions(what, options, ['config', 'pictures', 'tracked', 'tensorBoard', 'retries']);
  const { config, pictures = {}, tracked, tensorBoard = {} } = options;
  const retries = retriesOf(what, options);
  const files = {
    config: join(path, 'config.json'),
    metrics: join(path, 'metrics.jsonl'),
    findings: join(path, 'findings.jsonl'),
    pictures: join(path, 'pictures.jsonl'),
    checkpoints: join(path, 'checkpoints'),
  };
  const text = config && `${configText(what, config)}\n`;
  await patiently(path, retries, () => mkdir(path, { recursive: true }));
  return {
    path,
    loggers: [
      ...(text === undefined ? [] : [await configLogger(files.config, text, retries)]),
      metricsLogger(files.metrics, { retries }),
      findingsLogger(files.findings, { retries }),
      ...(tensorBoard ? [tensorBoardLogger<P, C>(path, { ...tensorBoard, config, retries })] : []),
      ...(pictures ? [pictureLogger<P, C>(path, { ...pictures, retries })] : []),
      ...(tracked ? [trackedPictures<P, C>(path, { ...tracked, retries })] : []),
    ],
    ...files,
  };
}

/** Writes at once where there is no file yet; else with the first step, when it is sure that the run goes on. */
async function configLogger(path: string, text: string, retries: number): Promise<Logger> {
  let written = await writtenAnew(path, text, retries);
  return async () => {
    if (written) return;
    await patiently(path, retries, () => writeFileAtomic(path, text));
    written = true;
  };
}

async function writtenAnew(path: string, text: string, retries: number): Promise<boolean> {
  if (await stat(path).catch(() => undefined)) return false;
  await patiently(path, retries, () => writeFileAtomic(path, text));
  return true;
}
