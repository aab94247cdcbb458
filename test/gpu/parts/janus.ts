import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assertSame, type Check } from '../../bench/check.js';
import type { FoundBackend } from '../backends.js';
import { janusProblem } from '../janus/problem.js';
import type { JanusEvent, JanusRequest, PeakBytes } from '../janus/protocol.js';
import { JANUS_SIZES, type JanusSize } from '../janus/sizes.js';
import { watchDriver } from '../machine.js';
import type { BenchOptions } from '../options.js';
import { type Deadline, nodeProgram, runProgram, shareOf } from '../program.js';
import { type JanusProgram, now, type ResultsFile } from '../results.js';
import { PYTHON, torchDevice } from '../torch.js';

/** As in `policy.ts`. */
const TOLERANCE = 1e-3;

/** A way to make the step. */
interface Candidate {
  readonly name: string;
  /** What it is told to compute on. */
  readonly device: string;
  readonly program: (request: string) => [command: string, args: string[]];
}

/** PyTorch last: should the time end, bicot was measured. */
function candidates(options: BenchOptions, backends: readonly FoundBackend[]): Candidate[] {
  const { device, reason } = torchDevice(options.torch, options.start.software === true);
  if (!device) console.log(`PyTorch is not measured: ${reason}`);
  const script = fileURLToPath(new URL('../janus/torch_step.py', import.meta.url));
  const host = new URL('../janus/bicot-host.ts', import.meta.url);
  return [
    ...backends.map(({ name, description }) => ({
      ...{ name: `bicot, ${description}`, device: name },
      program: (request: string) => nodeProgram(host, [request]),
    })),
    ...(device && !reason
      ? [
          {
            ...{ name: 'PyTorch', device },
            program: (request: string): [string, string[]] => [PYTHON, ['-B', script, request]],
          },
        ]
      : []),
  ];
}

/** One LoRA GRPO step of a policy of Janus's shape, with random weights that each program makes for itself. */
export async function benchJanus(
  options: BenchOptions,
  backends: readonly FoundBackend[],
  results: ResultsFile,
  deadline: Deadline,
  command: string,
): Promise<void> {
  const { janusSize: sizeName, microBatch, rowsAtOnce, rounds, start } = options;
  const size: JanusSize = { ...JANUS_SIZES[sizeName], ...options.janus };
  const folder = mkdtempSync(join(tmpdir(), 'bicot-gpu-'));
  const problem = join(folder, 'problem.json');
  writeFileSync(problem, JSON.stringify(janusProblem(size, microBatch)));
  const [date, began] = [now(), performance.now()];
  const where = backends.map(({ description }) => description).join('; ');
  const programs: JanusProgram[] = [];
  const put = (running?: JanusProgram): void =>
    results.put({
      ...{ part: 'janus', sizeName, size, microBatch, rowsAtOnce, date, command, where },
      ...{
        seconds: (performance.now() - began) / 1000,
        programs: running ? [...programs, running] : programs,
      },
    });
  let first: Check | undefined;
  try {
    const all = candidates(options, backends);
    for (const [i, { name, device, program }] of all.entries()) {
      const request: JanusRequest = { problem, rounds, device, rowsAtOnce, start };
      const { made, check } = await runCandidate(
        name,
        program(JSON.stringify(request)),
        shareOf(deadline, all.length - i),
        put,
        first,
      );
      programs.push(made);
      first ??= check;
      put();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one program; what it tells is written down as it comes. @param first what it must compute */
async function runCandidate(
  title: string,
  program: [command: string, args: string[]],
  deadline: Deadline,
  put: (running: JanusProgram) => void,
  first: Check | undefined,
): Promise<{ readonly made: JanusProgram; readonly check?: Check }> {
  let made: JanusProgram = { name: title, versions: {}, rounds: [], peak: {} };
  let check: Check | undefined;
  const driver = watchDriver();
  const more = (news: Partial<JanusProgram>): void => {
    made = { ...made, ...news };
    put(made);
  };
  const { failed } = await runProgram(...program, {
    deadline,
    onLine(line) {
      const event = JSON.parse(line) as JanusEvent;
      switch (event.event) {
        case 'hello':
          return more({ name: event.name, versions: event.versions });
        case 'progress':
          return console.log(`janus, ${made.name}: ${event.text}`);
        case 'loaded':
          console.log(
            `janus, ${made.name}: ${event.parameters} trained parameters after ${event.seconds.toFixed(1)} s`,
          );
          return more({ loadSeconds: event.seconds });
        case 'check':
          check = event.check;
          return more(first ? agreement(title, first, event.check) : {});
        case 'round':
          return more(nextRound(made, event));
        case 'failed':
          return more({ failed: event.error });
      }
    },
  });
  const driverMegabytes = driver();
  more({ ...(driverMegabytes === undefined ? {} : { driverMegabytes }), ...(failed && { failed }) });
  if (made.failed) console.log(`janus, ${made.name}: ${made.failed}`);
  return { made, ...(check && { check }) };
}

function nextRound(
  { name, rounds }: JanusProgram,
  { seconds, tokens, peak }: Extract<JanusEvent, { event: 'round' }>,
): Partial<JanusProgram> {
  const parts = Object.entries(seconds).map(([phase, value]) => `${phase} ${value.toFixed(2)}`);
  console.log(`janus, ${name}: ${parts.join(', ')} s`);
  return { rounds: [...rounds, { seconds, tokens }], peak: peak as PeakBytes };
}

/** Programs that compute different things must not be compared, but what they took is worth knowing. */
function agreement(title: string, first: Check, own: Check): Partial<JanusProgram> {
  try {
    assertSame(title, first, own, TOLERANCE);
    return { agrees: true };
  } catch (error) {
    console.log(`janus: ${(error as Error).message}`);
    return { agrees: false };
  }
}
