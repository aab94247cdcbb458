import { join } from 'node:path';
import { BicotError, reasonOf } from '../../errors.js';
import { assertKnownOptions, assertNumber, NOT_NEGATIVE, POSITIVE } from '../../options.js';
import type { Logger } from '../../train/logger.js';
import { writeFileAtomic } from '../files.js';
import { buildReportData } from './build-data.js';
import { reportHtml } from './html.js';
import { inlinedPictures, type RunPictures } from './picture-data.js';
import { type PictureEncoder, pictureEncoder } from './picture-files.js';
import { type RunRecord, runReader } from './read-run.js';
import type { HeadlineData, ReportData } from './report-data.js';

/** Options of `writeReport`. */
export interface ReportOptions {
  /** The file. Default: `report.html` in the run's folder, the first one's if there are several. */
  readonly file?: string;
  /** Default: the names of the runs. */
  readonly title?: string;
  /**
   * Seconds after which an opened page loads itself again while its run goes on; a box on the page turns that off.
   * 0: only when asked to. Default 30.
   */
  readonly reloadSeconds?: number;
  /** Megabytes that all pictures together may take in the file. Default 3. */
  readonly pictureMegabytes?: number;
}

/** A report that was written. */
export interface WrittenReport {
  /** Where it is. */
  readonly file: string;
  /** Its size. */
  readonly bytes: number;
  /** What it says first, by run, in the order given. */
  readonly runs: readonly {
    /** The folder's name; of two that are alike, the whole path. */
    readonly name: string;
    /** How far it is, what changed, and what was found. */
    readonly headline: HeadlineData;
  }[];
}

const OPTIONS = ['file', 'title', 'reloadSeconds', 'pictureMegabytes'];

/**
 * Writes a report of one run, or of several over each other: one HTML file with everything in it, which opens from the
 * disk and loads nothing. A run that goes on is reported as far as it is.
 * @param folders e.g. `runs/demo`
 * @throws BicotError `value` for a folder that is not there or has no run in it, and for options that make no sense
 */
export async function writeReport(
  folders: string | readonly string[],
  options: ReportOptions = {},
): Promise<WrittenReport> {
  return reportWriter(folders, options)();
}

/** Options of `reportLogger`. */
export interface ReportLoggerOptions extends ReportOptions {
  /** Seconds between two reports, at least. Default 60. */
  readonly everySeconds?: number;
}

/**
 * A logger that keeps `report.html` up to date: it writes it after the first step, then as often as `everySeconds` says,
 * from the files that the loggers before it in the list have written. Call `writeReport` when the training is over.
 * A report that can't be written does not end the training: the first time it is said as a warning.
 * @param folder the run's
 * @throws BicotError `value` for options that make no sense
 */
export function reportLogger(folder: string, options: ReportLoggerOptions = {}): Logger {
  const { everySeconds = 60, ...rest } = options;
  assertNumber('reportLogger', 'everySeconds', everySeconds, NOT_NEGATIVE);
  const write = reportWriter(folder, rest);
  let [next, said] = [0, false];
  return async () => {
    if (performance.now() < next) return;
    await write().catch((error: unknown) => {
      const reason = reasonOf(error);
      if (!said)
        console.warn(`reportLogger: no report of ${folder} was written (${reason}). Training goes on.`);
      said = true;
    });
    next = performance.now() + 1000 * everySeconds;
  };
}

function reportWriter(
  folders: string | readonly string[],
  options: ReportOptions,
): () => Promise<WrittenReport> {
  assertKnownOptions('writeReport', options, OPTIONS);
  const { reloadSeconds = 30, pictureMegabytes = 3, title } = options;
  assertNumber('writeReport', 'reloadSeconds', reloadSeconds, NOT_NEGATIVE);
  assertNumber('writeReport', 'pictureMegabytes', pictureMegabytes, POSITIVE);
  const paths = typeof folders === 'string' ? [folders] : folders;
  const [first] = paths;
  if (first === undefined) {
    throw new BicotError('value', 'writeReport: there is no run. Name the folder of one at least.');
  }
  const file = options.file ?? join(first, 'report.html');
  const readers = paths.map((path) => runReader(path));
  const encode = pictureEncoder();
  return async () => {
    const records = await Promise.all(readers.map((read) => read()));
    records.forEach(assertRun);
    const pictures = await picturesOf(records, (pictureMegabytes * 1e6) / records.length, encode);
    const mode = { live: false, reloadSeconds, now: Date.now(), ...(title !== undefined && { title }) };
    const data = buildReportData(records, pictures, mode);
    const html = reportHtml(data);
    await writeFileAtomic(file, html);
    return { file, bytes: Buffer.byteLength(html), runs: headlines(data) };
  };
}

/** Reads and writes one run after the other: pictures are large. */
async function picturesOf(
  records: readonly RunRecord[],
  most: number,
  encode: PictureEncoder,
): Promise<RunPictures[]> {
  const pictures: RunPictures[] = [];
  for (const record of records) pictures.push(await inlinedPictures(record, most, encode));
  return pictures;
}

function assertRun({ folder, config, steps, findings, pictures }: RunRecord): void {
  if (config !== undefined || steps.length + findings.length + pictures.length > 0) return;
  throw new BicotError(
    'value',
    `writeReport: ${folder} has no run in it: neither config.json nor metrics.jsonl, findings.jsonl or pictures.jsonl with anything in them. Name the folder of a run.`,
  );
}

const headlines = ({ runs }: ReportData): WrittenReport['runs'] =>
  runs.map(({ name, headline }) => ({ name, headline }));
