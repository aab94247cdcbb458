/**
 * What compression leaves of weights on their way to workers, for docs/distributed.md:
 *
 *     npx tsx test/packages/distributed/compression.ts
 *
 * Packs them as a training over a queue publishes them, before and after three steps: all of the demo's model, and adapters of
 * rank 16 of a small Janus. Prints a line for each; it needs no Redis.
 */
import { type NamedVariables, train } from 'bicot';
import { selectBackend } from 'bicot/node';
import { publishedWeights } from '../../../src/distributed/weights/publish.js';
import type { WeightStore } from '../../../src/distributed/weights/store.js';
import { weightLayout } from '../../../src/parallel/shared-weights.js';
import { demoPolicy } from '../../support/demo-policy.js';
import { demoSteps } from '../../support/demo-steps.js';
import { adaptersRun } from '../../support/resumable-runs.js';

/** Takes everything, and counts its bytes. */
function countingStore(): WeightStore & { bytes: number } {
  const store = {
    bytes: 0,
    missing: async (chunks: readonly string[]) => new Set(chunks),
    async putChunk(_: string, { length }: Buffer) {
      store.bytes += length;
    },
    async putVersion(_: string, manifest: string) {
      store.bytes += manifest.length;
    },
    ...{ chunk: async () => undefined, version: async () => undefined, versions: async () => [] },
    ...{ dropVersion: async () => {}, dropChunks: async () => {}, touch: async () => {} },
  };
  return store;
}

async function tell(what: string, variables: NamedVariables): Promise<void> {
  const layout = weightLayout(variables);
  const raw = 4 * layout.reduce((sum, { size }) => sum + size, 0);
  const store = countingStore();
  await publishedWeights(store, layout, 2 ** 28).publish('policy', variables);
  const share = (store.bytes / raw).toFixed(3);
  console.log(`${share}  ${what}: ${raw} bytes travel as ${store.bytes}`);
}

await selectBackend('wasm');
const demo = await demoPolicy();
await tell("the demo's model, as it comes", demo.variables);
await demoSteps(demo, 1);
await tell("the demo's model, after three steps", demo.variables);
demo.dispose();

const { policy, ...run } = await adaptersRun(3, 16).begin();
await tell('adapters of rank 16, which begin with B = 0', policy.variables);
for await (const _ of train({ ...run, policy })) {
  // Only the weights matter.
}
await tell('adapters of rank 16, after three steps', policy.variables);
policy.dispose();
