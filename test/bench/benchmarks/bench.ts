import { rmSync } from 'node:fs';
import type { Host } from '../hosts/host.js';
import type { OpenRequest, Skipped } from '../hosts/protocol.js';
import type { Implementation } from '../implementations.js';
import { makeProblem, type ProblemKind } from '../make-problem.js';
import type { PlacedVariant } from '../measure.js';
import type { Size } from '../sizes.js';

/** The programs of a run, started when first needed. */
export interface Bench {
  readonly rounds: number;
  /** Size of the checkpoint that is loaded. */
  readonly bytes: number;
  /** How much relative error passes for rounding. Default `TOLERANCE`. */
  readonly tolerance?: number;
  readonly implementations: readonly Implementation[];
  /** Implementations that are not there, and why. */
  readonly skipped: readonly Skipped[];
  /** The running program of an implementation. */
  host(implementation: Implementation): Promise<Host>;
  /** The folder of a problem; the same one for the same size and kind. */
  problem(size: Size, kind: ProblemKind): Promise<string>;
  /** Versions of all that was started, or of Node alone, by name. */
  versions(): Record<string, string>;
  /** Ends the programs and removes the problems. @param now whatever they do */
  stop(now?: boolean): void;
}

/** A run of what there is to compare. */
export function startBench(
  options: Pick<Bench, 'rounds' | 'bytes' | 'tolerance'>,
  { all, skipped }: Pick<Bench, 'skipped'> & { readonly all: readonly Implementation[] },
): Bench {
  const running = new Map<Implementation, Host>();
  const problems = new Map<string, string>();
  return {
    rounds: options.rounds,
    bytes: options.bytes,
    tolerance: options.tolerance,
    implementations: all,
    skipped,
    async host(implementation) {
      const host = running.get(implementation) ?? (await implementation.start());
      running.set(implementation, host);
      return host;
    },
    async problem(size, kind) {
      const key = JSON.stringify([size, kind]);
      const folder = problems.get(key) ?? (await makeProblem(size, kind));
      problems.set(key, folder);
      return folder;
    },
    versions() {
      // What runs no implementation runs on the Node that runs this.
      if (running.size === 0) return { node: process.versions.node };
      const found: Record<string, Set<string>> = {};
      for (const { hello } of running.values()) {
        for (const [name, version] of Object.entries(hello.versions)) {
          found[name] ??= new Set();
          found[name].add(version);
        }
      }
      return Object.fromEntries(Object.entries(found).map(([name, set]) => [name, [...set].join(', ')]));
    },
    stop(now = false) {
      for (const host of running.values()) now ? host.kill() : host.stop();
      for (const folder of problems.values()) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Prepares a task in a program. Give the variants to `close` when done. */
export async function open(host: Host, request: OpenRequest): Promise<PlacedVariant[]> {
  const { session, variants } = await host.call({ call: 'open', ...request });
  return variants.map((variant) => ({ ...variant, host, session }));
}

/** Frees what the variants' programs hold of them. */
export async function close(variants: readonly PlacedVariant[]): Promise<void> {
  const sessions = new Map<Host, Set<number>>();
  for (const { host, session } of variants) {
    sessions.set(host, (sessions.get(host) ?? new Set()).add(session));
  }
  for (const [host, numbers] of sessions) {
    for (const session of numbers) await host.call({ call: 'close', session });
  }
}

/** Variants that a program has, but not for this task. */
export function absent(host: Host, opened: readonly PlacedVariant[], task: string): Skipped[] {
  const present = new Set(opened.map(({ name }) => name));
  return host.hello.variants
    .filter((name) => !present.has(name))
    .map((name) => ({ name, reason: `this version can't ${task} this way` }));
}
