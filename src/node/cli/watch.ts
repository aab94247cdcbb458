import { serveReport } from '../report/serve-report.js';
import { parseArguments, UsageError } from './usage.js';

const HELP = `usage: bicot watch RUN... [options]

Shows the report of a run in the browser while it goes on: the page brings itself up to date. Several runs are laid over
each other. RUN is a folder like runs/demo; it may still be empty. Served to this machine only, at 127.0.0.1; Ctrl+C ends it.

  --port PORT    default: one that is free
  --title TEXT   default: the names of the folders
  --help         this text`;

/**
 * `bicot watch`: serves until it is interrupted.
 * @returns the exit status, 0
 * @throws BicotError `value` for a folder that is not there and a port that is taken; UsageError
 */
export async function watchCommand(args: readonly string[]): Promise<number> {
  const { values: options, positionals: runs } = parseArguments('watch', args, {
    port: { type: 'string' },
    title: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  if (runs.length === 0)
    throw new UsageError(`bicot watch: which run? For example \`npx bicot watch runs/demo\`.`);
  const { url, close } = await serveReport(runs, {
    ...(options.port !== undefined && { port: portOf(options.port) }),
    ...(options.title !== undefined && { title: options.title }),
  });
  console.log(`${runs.join(', ')}: ${url}`);
  await interrupted();
  await close();
  return 0;
}

function portOf(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`bicot watch: --port is '${text}', but must be a whole number up to 65535.`);
}

/** Until Ctrl+C, or until it is told to end. */
function interrupted(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
  });
}
