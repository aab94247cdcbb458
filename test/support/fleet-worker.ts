/** A worker process for tests: `node fleet-worker.mjs JSON`. */
import * as tf from '@tensorflow/tfjs';
import { redisOptions } from '../../src/distributed/connection.js';
import { runWorker } from '../../src/distributed/index.js';
import { selectBackend } from '../../src/node/backend.js';
import { stopOnSignals } from '../../src/node/stop-on-signals.js';
import type { FleetWorkerOptions } from './fleet.js';
import { parityReward } from './small-task.js';
import { smallTransformer } from './small-transformer.js';

const options = JSON.parse(process.argv[2] as string) as FleetWorkerOptions;
const { signal } = stopOnSignals((line) => console.log(line));
await selectBackend(options.backend ?? 'wasm');
await runWorker<number, never>({
  ...{ connection: options.ca ? { ...redisOptions(options.url), tls: { ca: options.ca } } : options.url },
  ...{ queue: options.queue, signal, say: (line) => console.log(line) },
  ...(options.kinds && { kinds: options.kinds }),
  ...(options.once && { once: true }),
  ...(options.weightsFolder && { weightsFolder: options.weightsFolder }),
  ...(options.config !== undefined && { config: options.config }),
  setup: async () => {
    const { recipe, ...policy } = await smallTransformer().then((made) => ({ ...made, recipe: made.recipe }));
    const broken = {
      logProbs: undefined,
      logits: (...args: Parameters<typeof policy.logits>) =>
        tf.tidy(() => tf.mul(policy.logits(...args), Number.NaN)),
    };
    return {
      policy: { ...policy, recipe, ...(options.broken && broken) } as never,
      reward: parityReward,
    };
  },
}).catch((error: Error) => {
  console.log(`ended: ${error.message}`);
  process.exitCode = 1;
});
process.exit();
