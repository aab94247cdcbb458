/** Worker processes for tests, of the small transformer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { JobKind } from 'bicot/distributed';
import type { CoordinatorOptions } from './fleet-coordinator.js';
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

export interface FleetWorker {
  readonly process: ChildProcess;
  /** What it has said so far. */
  said(): string;
  /** Until it says so. */
  says(words: RegExp): Promise<void>;
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
  let text = '';
  const listeners = new Set<() => void>();
  const hear = (chunk: Buffer): void => {
    text += chunk;
    if (process.env.FLEET_LOUD) process.stderr.write(chunk);
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
  return {
    process: child,
    ended,
    said: () => text,
    says: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!words.test(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        void ended.then(() => reject(new Error(`the process ended without saying ${words}: ${text}`)));
        look();
      }),
    kill: (signal = 'SIGKILL') => child.kill(signal),
  };
}
