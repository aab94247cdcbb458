/** bicot's side of the step: `bicot-host.ts REQUEST`, a `JanusRequest` as JSON. Prints `JanusEvent`s. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import bicot from '../../../package.json' with { type: 'json' };
import { startBackend } from '../../support/start-backend.js';
import { watchMemory } from '../peak.js';
import { janusCheck, openJanus, startJanusRun } from './bicot-step.js';
import type { JanusProblem } from './problem.js';
import type { JanusEvent, JanusRequest } from './protocol.js';

const tell = (event: JanusEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
// Nothing else may be printed to stdout.
console.log = console.error;

async function run({ problem: file, rounds, device, rowsAtOnce, start }: JanusRequest): Promise<void> {
  const problem = JSON.parse(readFileSync(file, 'utf8')) as JanusProblem;
  const description = await startBackend(device, start);
  const versions = { bicot: bicot.version, node: process.versions.node, tfjs: tf.version_core };
  tell({ event: 'hello', name: `bicot, ${description}`, versions });
  const peak = watchMemory();
  const began = performance.now();
  const policy = await openJanus(problem, (done, total) => {
    if (done % 20 === 0) tell({ event: 'progress', text: `weights: tensor ${done} of ${total}` });
  });
  const parameters = Object.values(policy.variables).reduce((sum, { size }) => sum + size, 0);
  tell({ event: 'loaded', seconds: (performance.now() - began) / 1000, parameters });
  tell({ event: 'check', check: await janusCheck(problem, policy) });
  const steps = startJanusRun(problem, policy, rowsAtOnce);
  for (let round = 0; round < rounds; round++) {
    tell({ event: 'progress', text: `step ${round + 1} of ${rounds}` });
    tell({ event: 'round', ...(await steps.step()), peak: peak() });
  }
  await steps.dispose();
  policy.dispose();
  tell({ event: 'progress', text: `${tf.memory().numTensors} tensors left` });
}

try {
  await run(JSON.parse(process.argv[2] ?? '{}') as JanusRequest);
} catch (error) {
  tell({ event: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
// Dawn's threads would keep the process alive.
process.exit(0);
