/** A training over a queue in a process of its own, which may be killed: `node fleet-coordinator.mjs JSON`. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { balanced, type TokenContext, train } from 'bicot';
import { bullmq } from 'bicot/distributed';
import { exportWeights } from 'bicot/models';
import { metricsLogger, selectBackend } from 'bicot/node';
import { smallTask } from './small-task.js';
import { smallTransformer } from './small-transformer.js';

export interface CoordinatorOptions {
  readonly folder: string;
  readonly steps: number;
  /** Absent: this process alone. */
  readonly url?: string;
  readonly queue?: string;
  readonly stalledAfter?: number;
  readonly waitForWorkers?: number;
}

const { folder, steps, url, queue, stalledAfter, waitForWorkers } = JSON.parse(
  process.argv[2] as string,
) as CoordinatorOptions;
await selectBackend('wasm');
const policy = await smallTransformer();
const executor =
  url === undefined || queue === undefined
    ? undefined
    : bullmq({
        ...{ connection: url, queue, stalledAfter, rowsPerTask: 4, waitForWorkers },
        tasks: ['sample', 'score', 'gradients', 'reward'],
        say: (line) => console.log(line),
      });
try {
  for await (const { metrics } of train<number, TokenContext>({
    ...smallTask(policy),
    ...{ objective: balanced({ klWeight: 0.05 }), learningRate: 1e-2, steps, resume: 'auto' },
    checkpoints: { folder: `${folder}/checkpoints`, every: 1 },
    loggers: [metricsLogger(`${folder}/metrics.jsonl`)],
    ...(executor && { executor }),
  })) {
    console.log(`made ${metrics.step}`);
  }
  const digest = createHash('sha256');
  for (const { data } of Object.values(await exportWeights(policy.variables))) {
    digest.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  writeFileSync(`${folder}/weights.sha256`, digest.digest('hex'));
  console.log('over');
  process.exit(0);
} catch (error) {
  console.log(`ended: ${(error as Error).message}`);
  process.exit(1);
}
