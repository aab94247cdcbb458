/**
 * A real run that is killed again and again by `run.ts`: small, on wasm, in its own process.
 *
 *     npx tsx test/kill/child.ts FOLDER STEPS
 */
import { train, withoutTiming } from 'bicot';
import { metricsLogger, selectBackend } from 'bicot/node';
import { wholeModelRun } from '../support/resumable-runs.js';

const [folder = '', steps = ''] = process.argv.slice(2);
await selectBackend('wasm');
const options = await wholeModelRun(Number(steps)).begin();
console.log('begun');
for await (const { metrics } of train({
  ...options,
  checkpoints: { folder: `${folder}/checkpoints`, every: 2 },
  resume: 'auto',
  loggers: [metricsLogger(`${folder}/metrics.jsonl`)],
})) {
  console.log(`made ${metrics.step} ${JSON.stringify(withoutTiming(metrics)).length}`);
}
console.log('over');
