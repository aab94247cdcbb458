/**
 * Writes `../fixtures/demo/steps.json`: three training steps of the demo's policy on TensorFlow.js's plain cpu backend with
 * stock operations, for the first seed with which all of them learn and no random number comes near to drawing another token.
 *
 *     npx tsx test/reference/demo-steps.ts
 */
import { writeFileSync } from 'node:fs';
import { setKernels } from 'bicot';
import type { TransformerPolicy } from 'bicot/models';
import { selectBackend } from 'bicot/node';
import { demoFixture, demoPolicy } from '../support/demo-policy.js';
import { type DemoSteps, demoSteps, stepsWithMargin } from '../support/demo-steps.js';

const NEAR = 1e-3;

async function withModel<Result>(action: (model: TransformerPolicy) => Promise<Result>): Promise<Result> {
  const model = await demoPolicy();
  try {
    return await action(model);
  } finally {
    model.dispose();
  }
}

// On wasm, which is faster; and then what counts, on cpu.
await selectBackend('wasm');
let seed = 0;
for (; ; seed++) {
  const { margin, steps } = await withModel((model) => stepsWithMargin(model, seed));
  if (margin > NEAR && steps.every(({ gradNorm }) => gradNorm > 0.1)) break;
}
await selectBackend('cpu');
setKernels('composed');
const { deviation, ...steps } = await withModel((model) => demoSteps(model, seed));
if (deviation > 1e-4) throw new Error(`The ratios differ from 1 by ${deviation} before the updates.`);
const written: DemoSteps & { source: string } = {
  source: "TensorFlow.js 4.22.0, backend cpu, setKernels('composed'); see test/reference",
  ...steps,
};
writeFileSync(demoFixture('steps.json'), `${JSON.stringify(written, null, 1)}\n`);
console.log(`seed ${seed}`);
