import { connect, loadPackages, type RedisConnection } from './connection.js';
import { workersOf } from './coordinator/fleet.js';
import { runInfoOf } from './wire/check.js';
import { keysOf } from './wire/keys.js';
import type { JobKind, RunStats, WorkerInfo } from './wire/protocol.js';

/** A fleet at one moment. */
export interface FleetStatus {
  /** The run that it works for; absent without one. */
  readonly run?: {
    /** Checksum of the configuration. */
    readonly config: string;
    /** Jobs that it gives to workers. */
    readonly kinds: readonly JobKind[];
    /** Whose results it takes. */
    readonly backends: readonly string[];
    /** bicot's version. */
    readonly bicot: string;
  };
  /** What its coordinator tells; absent while none does. */
  readonly stats?: RunStats;
  /** Those that gave a sign of life lately, whether they work for the run or not. */
  readonly workers: readonly WorkerInfo[];
  /** Bytes that Redis uses, for everything in it. */
  readonly redisBytes: number;
}

/** Looks at a fleet again and again. */
export interface FleetWatch {
  /** What the queue says now. */
  look(): Promise<FleetStatus>;
  /** Ends the connection. */
  close(): void;
}

/**
 * A look at the fleet of a queue, which changes nothing.
 * @returns the caller closes it
 * @throws BicotError `worker` if Redis can't be reached; `unsupported` without BullMQ
 */
export async function watchFleet(
  connection: RedisConnection,
  queue: string,
  say: (line: string) => void = () => {},
): Promise<FleetWatch> {
  const keys = keysOf(queue);
  const { redis, close } = await connect(await loadPackages(), connection, say);
  return {
    close,
    async look() {
      const [run, stats, workers, memory] = await Promise.all([
        redis.get(keys.run),
        redis.get(keys.stats),
        workersOf(redis, keys),
        redis.info('memory').catch(() => ''),
      ]);
      return {
        ...(run !== null && { run: runInfoOf(run) }),
        ...(stats !== null && { stats: JSON.parse(stats) as RunStats }),
        workers,
        redisBytes: Number(/used_memory:(\d+)/.exec(memory)?.[1] ?? Number.NaN),
      };
    },
  };
}

/** The status in lines for a terminal. */
export function fleetLines({ run, stats, workers, redisBytes }: FleetStatus): string[] {
  const rows = workers.map((one) => [
    one.id,
    one.device,
    one.draining ? 'draining' : one.config ? 'works' : one.refused ? 'refused' : 'waits',
    one.kinds.join(','),
    one.kinds.map((kind) => `${kind} ${rate(one.speed[kind])}`).join(', '),
    String(Object.values(one.done).reduce((sum, count) => sum + count, 0)),
  ]);
  const redone = Object.entries(stats?.redone ?? {}).map(([why, times]) => `${times} ${why}`);
  return [
    run ? `run ${run.config.slice(0, 12)} · ${run.kinds.join(', ')} · bicot ${run.bicot}` : 'no run',
    ...(stats
      ? [
          `${stats.done} jobs done · ${stats.queued} in the queue · ${stats.waiting} waiting · ${rate(stats.unitsPerSecond)} samples/s`,
          `given again: ${redone.join(', ') || 'none'}`,
        ]
      : []),
    `Redis: ${(redisBytes / 2 ** 20).toFixed(1)} MiB`,
    '',
    ...table([['worker', 'device', 'state', 'kinds', 'samples/s', 'jobs'], ...rows]),
    ...(workers.length === 0 ? ['no workers: npx bicot worker --redis URL --config FILE'] : []),
    ...workers.flatMap(({ id, refused }) => (refused ? [`${id}: ${refused}`] : [])),
    ...Object.entries(stats?.dropped ?? {}).map(([id, reason]) => `dropped ${id}: ${reason}`),
  ];
}

const rate = (value: number | undefined): string =>
  value === undefined ? '–' : value >= 100 ? value.toFixed(0) : value.toPrecision(2);

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd(),
  );
}
