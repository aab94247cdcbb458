import { resolve } from 'node:path';
import { BicotError } from '../../errors.js';
import { writeFileAtomic } from '../files.js';
import { writeReport } from '../report/write-report.js';
import { parseArguments, UsageError } from './usage.js';

const HELP = `usage: bicot report RUN... [options]

Writes what a run did into one HTML file that opens from the disk and needs no network: rewards, KL, entropy and speed over
the steps, pictures, findings, settings. Several runs are laid over each other. RUN is a folder like runs/demo, with any of
config.json, metrics.jsonl, findings.jsonl and pictures.jsonl in it. Exit status 0 if it is written.

  --out FILE      default: report.html in the (first) run's folder
  --title TEXT    default: the names of the folders
  --reload SECS   how often an opened page loads itself again while the run goes on; default 30, 0 never
  --json FILE     write what the report says first, by run, for programs
  --help          this text`;

/**
 * `bicot report`
 * @returns the exit status: 0 if the report is written
 * @throws BicotError `value` for a folder without a run; UsageError
 */
export async function reportCommand(args: readonly string[]): Promise<number> {
  const { values: options, positionals: runs } = parseArguments('report', args, {
    out: { type: 'string' },
    title: { type: 'string' },
    reload: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (runs.length === 0)
    throw new UsageError(`bicot report: of which run? For example \`npx bicot report runs/demo\`.`);
  const written = await writeReport(runs, {
    ...(options.out !== undefined && { file: options.out }),
    ...(options.title !== undefined && { title: options.title }),
    ...(options.reload !== undefined && { reloadSeconds: Number(options.reload) }),
  }).catch(inWords);
  if (options.json !== undefined) {
    await writeFileAtomic(resolve(options.json), `${JSON.stringify(written, null, 2)}\n`).catch(inWords);
  }
  console.log(`${written.file} (${Math.ceil(written.bytes / 1000)} kB)`);
  return 0;
}

/** A disk that cannot be written to is no bug of bicot's. */
function inWords(error: unknown): never {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
  throw new BicotError(
    'value',
    `bicot report: a file can't be written (${error.message}). Name one in a folder that may be written to.`,
    { cause: error },
  );
}
