import type { Host } from '../hosts/host.js';
import type { OpenRequest, Skipped } from '../hosts/protocol.js';
import { type Implementation, implementations } from '../implementations.js';
import type { PlacedVariant } from '../measure.js';
import type { BenchOptions } from '../options.js';

/** The programs of a run, started when first needed. */
export interface Bench {
  readonly rounds: number;
  readonly implementations: readonly Implementation[];
  /** Implementations that are not there, and why. */
  readonly skipped: readonly Skipped[];
  /** The running program of an implementation. */
  host(implementation: Implementation): Promise<Host>;
  /** Versions of all that was started, by name. */
  versions(): Record<string, string>;
  stop(): void;
}

/** A run with these options. */
export function startBench(options: BenchOptions): Bench {
  const { all, skipped } = implementations(options);
  const running = new Map<Implementation, Host>();
  return {
    rounds: options.rounds,
    implementations: all,
    skipped,
    async host(implementation) {
      const host = running.get(implementation) ?? (await implementation.start());
      running.set(implementation, host);
      return host;
    },
    versions() {
      const found: Record<string, Set<string>> = {};
      for (const { hello } of running.values()) {
        for (const [name, version] of Object.entries(hello.versions)) {
          found[name] ??= new Set();
          found[name].add(version);
        }
      }
      return Object.fromEntries(Object.entries(found).map(([name, set]) => [name, [...set].join(', ')]));
    },
    stop() {
      for (const host of running.values()) host.stop();
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
  const closed = new Set<string>();
  for (const { host, session } of variants) {
    const key = `${host.suffix}/${host.hello.variants[0]}/${session}`;
    if (!closed.has(key)) await host.call({ call: 'close', session });
    closed.add(key);
  }
}

/** Variants that a program has, but not for this task. */
export function absent(host: Host, opened: readonly PlacedVariant[], task: string): Skipped[] {
  const present = new Set(opened.map(({ name }) => name));
  return host.hello.variants
    .filter((name) => !present.has(name))
    .map((name) => ({ name, reason: `this version can't ${task} this way` }));
}
