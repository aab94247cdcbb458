/** A worker whose samples take a time of their own, without the processor: `npx tsx fleet-worker.ts URL QUEUE MILLISECONDS`. */
import { runWorker } from 'bicot/distributed';
import { selectBackend } from 'bicot/node';
import { slowPolicy } from './slow-policy.js';

const [url = '', queue = '', milliseconds = ''] = process.argv.slice(2);
const drain = new AbortController();
process.once('SIGTERM', () => drain.abort());
await selectBackend('wasm');
await runWorker<never, never>({
  ...{ connection: url, queue, config: 'bench', signal: drain.signal, say: () => {} },
  setup: async () => ({ policy: (await slowPolicy(Number(milliseconds))) as never }),
});
process.exit();
