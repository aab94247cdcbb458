import { readFileSync } from 'node:fs';
import type { RedisConnection } from '../../distributed/index.js';
import { BicotError } from '../../errors.js';
import type { Surrogate } from '../../objective/surrogates/surrogate.js';
import type { ExecutorSource, ExecutorTask } from '../../parallel/executor.js';
import type { RunSettings } from '../run/definition.js';
import type { ConfigOrigin, LoadedConfig } from './config/load.js';
import { objectiveOf } from './config/objective.js';
import type { ProgressOutput } from './runs/progress.js';
import { UsageError } from './usage.js';

/** Options of every command that speaks with a fleet. */
export const FLEET_OPTIONS = {
  redis: { type: 'string' },
  queue: { type: 'string' },
  ca: { type: 'string' },
} as const;

/** What they are, for `--help`. */
export const FLEET_HELP = `  --redis URL      redis://[user:password@]host[:port], rediss:// for TLS; default: the environment variable BICOT_REDIS,
                   which other users of the machine can't see as they see a command line
  --queue NAME     what run and workers have in common; default: bicot
  --ca FILE        certificates that the server's is checked with, for TLS with an authority of one's own`;

/** Their values. */
export interface FleetValues {
  readonly redis?: string | undefined;
  readonly queue?: string | undefined;
  readonly ca?: string | undefined;
}

/** Where a fleet is. */
export interface FleetPlace {
  readonly connection: RedisConnection;
  readonly queue: string;
}

/** Undefined if nobody said where Redis is. */
export async function fleetPlace({
  redis,
  queue = 'bicot',
  ca,
}: FleetValues): Promise<FleetPlace | undefined> {
  const url = redis ?? process.env.BICOT_REDIS;
  if (url === undefined || url === '') return undefined;
  if (ca === undefined) return { connection: url, queue };
  const { redisOptions } = await import('../../distributed/connection.js');
  return { connection: { ...redisOptions(url), tls: { ca: certificates(ca) } }, queue };
}

/** @throws UsageError if nobody said where Redis is */
export async function requiredPlace(command: string, values: FleetValues): Promise<FleetPlace> {
  const place = await fleetPlace(values);
  if (place) return place;
  throw new UsageError(
    `bicot ${command}: where is Redis? For example \`npx bicot ${command} --redis redis://queue.example:6379\`, or set BICOT_REDIS.`,
  );
}

function certificates(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BicotError('value', `--ca ${file}: it can't be read (${(cause as Error).message}).`, { cause });
  }
}

/**
 * The executor of a run that is given to a fleet.
 * @param tasks by comma; default all
 */
export async function fleetExecutor(
  place: FleetPlace,
  origin: ConfigOrigin,
  {
    tasks = 'sample,score,gradients,reward',
    say,
  }: { tasks?: string | undefined; say: (line: string) => void },
): Promise<ExecutorSource> {
  const { bullmq } = await import('../../distributed/bullmq.js');
  return bullmq({
    ...place,
    ...{ config: commonOf(origin), tasks: tasks.split(',') as ExecutorTask[], say },
  });
}

/** The part of a run's options that gives it to a fleet, if the command line says where one is. */
export async function onFleet(
  { origin }: LoadedConfig,
  values: FleetValues & { readonly tasks?: string | undefined },
  output: ProgressOutput,
): Promise<{ readonly executor?: ExecutorSource }> {
  const place = await fleetPlace(values);
  if (!place) return {};
  const { tasks } = values;
  return { executor: await fleetExecutor(place, origin, { tasks, say: (line) => output.print(line) }) };
}

/** What a run and its workers must have in common of a configuration: how long the run is, and where it writes, is not. */
export function commonOf({ sha256, overrides }: Pick<ConfigOrigin, 'sha256' | 'overrides'>): unknown {
  return {
    file: sha256,
    overrides: overrides.filter((one) => !/^(steps|out|track|checkpoints)\b/.test(one)),
  };
}

/** Surrogates of the configuration's own, by whose names jobs ask for them. */
export function surrogatesOf(objective: RunSettings['objective']): Surrogate[] {
  const { level, levels = {} } = objectiveOf(objective);
  const all = [level, ...Object.values(levels)].map((one) => one?.surrogate);
  return [...new Set(all)].filter((one): one is Surrogate => typeof one?.loss === 'function');
}
