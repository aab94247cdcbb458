import { backendTraits } from '../../backends/traits.js';
import type { JobKind } from '../../distributed/index.js';
import type { BackendName } from '../backend.js';
import { stopOnSignals } from '../stop-on-signals.js';
import { loadConfig } from './config/load.js';
import { commonOf, FLEET_HELP, FLEET_OPTIONS, requiredPlace, surrogatesOf } from './fleet.js';
import { startRun } from './runs/parts.js';
import { parseOptions, UsageError } from './usage.js';

const HELP = `usage: bicot worker --config FILE [options]

Works for the runs of a queue (\`bicot train CONFIG --redis URL\`): rollouts, rewards, gradients. It has the same configuration
file as the run, and makes model and rewards of it itself; weights come from the run, code never does. Ctrl-C or SIGTERM
drains: the jobs under way are finished, and no other is taken.

  --config FILE    the run's configuration; a copy, byte for byte
  --set FIELD=VALUE  as the run was started with
${FLEET_HELP}
  --backend NAME   node-gpu, webgpu, node, wasm or cpu; default: what FILE says, else the best installed
  --kinds LIST     some of rollout,reward,gradient; default: all
  --weights DIR    where a run that shares its weights in a folder has them
  --once           end with the run, and do not wait for another
  --help           this text

Exit status: 0 drained, 1 an error or not wanted (with the reason), 2 not understood.`;

/** Milliseconds that connections which nobody closed may keep the process. */
const LEFT_OPEN = 1000;

/**
 * `bicot worker`: works until it is told to end.
 * @returns the exit status
 * @throws BicotError as `runWorker` and `loadConfig` do; UsageError
 */
export async function workerCommand(args: readonly string[]): Promise<number> {
  const values = parseOptions('worker', args, {
    ...FLEET_OPTIONS,
    config: { type: 'string' },
    set: { type: 'string', multiple: true },
    backend: { type: 'string' },
    kinds: { type: 'string' },
    weights: { type: 'string' },
    once: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values.config === undefined) {
    throw new UsageError(
      'bicot worker: with which configuration? For example `npx bicot worker --redis URL --config run.config.ts`.',
    );
  }
  const place = await requiredPlace('worker', values);
  const { runWorker } = await import('../../distributed/worker/worker.js');
  const { definition, origin } = await loadConfig(values.config, values.set ?? []);
  const say = (line: string): void => console.log(line);
  const stop = stopOnSignals((line) =>
    say(line.replace(/^Stopping:.*/, 'Draining. Once more ends at once.')),
  );
  const backend = (values.backend as BackendName | undefined) ?? definition.backend;
  const run = await startRun({ ...definition, ...(backend && { backend }) });
  try {
    await runWorker<unknown, unknown>({
      ...place,
      config: commonOf(origin),
      setup: async () => ({
        ...{ policy: run.policy, reward: run.reward, surrogates: surrogatesOf(definition.objective) },
      }),
      device: `${backendTraits().name} (${run.backend})`,
      ...(values.kinds !== undefined && { kinds: values.kinds.split(',') as JobKind[] }),
      ...(values.weights !== undefined && { weightsFolder: values.weights }),
      ...{ once: values.once === true, signal: stop.signal, say },
    });
    return 0;
  } finally {
    stop.release();
    // BullMQ's connections go on waiting for a Redis that is away; nothing is left to be handed in.
    setTimeout(() => process.exit(), LEFT_OPEN).unref();
  }
}
