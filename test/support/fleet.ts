/** Worker processes for tests, of the small transformer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { JobKind } from 'bicot/distributed';
import type { CoordinatorOptions } from './fleet-coordinator.js';
import { type Heard, heard } from './heard.js';
import { bundled } from './worker-entry.js';

export interface FleetWorkerOptions {
  readonly url: string;
  /** Certificates of an authority of one's own. */
  readonly ca?: string;
  readonly queue: string;
  readonly backend?: 'wasm' | 'cpu';
  readonly kinds?: readonly JobKind[];
  readonly once?: boolean;
  readonly weightsFolder?: string;
  readonly config?: unknown;
  /** Its log-probs are NaN, as those of a machine whose memory is at fault. */
  readonly broken?: boolean;
}

export interface FleetWorker extends Heard {
  readonly process: ChildProcess;
  /** Its exit status, once it has ended. */
  readonly ended: Promise<number | null>;
  kill(signal?: NodeJS.Signals): void;
}

let entry: Promise<URL> | undefined;
let coordinator: Promise<URL> | undefined;

/** @param prefix a command that runs the worker, such as `ip netns exec NAME` */
export async function startWorker(
  options: FleetWorkerOptions,
  prefix: readonly string[] = [],
): Promise<FleetWorker> {
  entry ??= bundled(new URL('./fleet-worker.ts', import.meta.url));
  return startProcess(await entry, options, prefix);
}

/** A training in a process of its own. */
export async function startCoordinator(
  options: CoordinatorOptions,
  prefix: readonly string[] = [],
): Promise<FleetWorker> {
  coordinator ??= bundled(new URL('./fleet-coordinator.ts', import.meta.url));
  return startProcess(await coordinator, options, prefix);
}

function startProcess(module: URL, options: object, prefix: readonly string[]): FleetWorker {
  const [command, ...args] = [...prefix, process.execPath, fileURLToPath(module), JSON.stringify(options)];
  const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  return {
    process: child,
    ended,
    ...heard(child, ended, 'the process'),
    kill: (signal = 'SIGKILL') => child.kill(signal),
  };
}
