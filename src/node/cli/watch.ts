import { serveReport } from '../report/serve-report.js';
import { FLEET_HELP, FLEET_OPTIONS, type FleetPlace, fleetPlace } from './fleet.js';
import { parseArguments, UsageError } from './usage.js';

const HELP = `usage: bicot watch RUN... [options]
       bicot watch --redis URL [--queue NAME]

Shows the report of a run in the browser while it goes on: the page brings itself up to date. Several runs are laid over
each other. RUN is a folder like runs/demo; it may still be empty. Served to this machine only, at 127.0.0.1; Ctrl+C ends it.

  --port PORT      default: one that is free
  --title TEXT     default: the names of the folders
  --help           this text

Without a run it shows a fleet in the terminal: workers, devices, samples a second, the queue, what was given again.

${FLEET_HELP}
  --json           one line, once, for programs`;

/**
 * `bicot watch`: serves until it is interrupted.
 * @returns the exit status, 0
 * @throws BicotError `value` for a folder that is not there and a port that is taken; UsageError
 */
export async function watchCommand(args: readonly string[]): Promise<number> {
  const { values: options, positionals: runs } = parseArguments('watch', args, {
    port: { type: 'string' },
    title: { type: 'string' },
    ...FLEET_OPTIONS,
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const place = runs.length === 0 ? await fleetPlace(options) : undefined;
  if (place) return showFleet(place, options.json === true);
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

/** Until it is interrupted; once if nobody looks on. */
async function showFleet({ connection, queue }: FleetPlace, json: boolean): Promise<number> {
  const { fleetLines, watchFleet } = await import('../../distributed/status.js');
  const fleet = await watchFleet(connection, queue);
  try {
    if (json || !process.stdout.isTTY) {
      const status = await fleet.look();
      console.log(json ? JSON.stringify(status) : fleetLines(status).join('\n'));
      return 0;
    }
    let isOver = false;
    const over = interrupted().then(() => {
      isOver = true;
    });
    while (!isOver) {
      const lines = fleetLines(await fleet.look());
      process.stdout.write(`\x1b[H\x1b[2J${lines.join('\n')}\n`);
      await Promise.race([over, new Promise((done) => setTimeout(done, 1000))]);
    }
    return 0;
  } finally {
    fleet.close();
  }
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
