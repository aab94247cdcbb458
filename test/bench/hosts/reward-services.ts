/**
 * Reward services for the benchmark `rewards`, in a process of their own: each works on one image at a time, as a model on one
 * GPU does, and breaks the protocol as often as it is told.
 *
 *     tsx reward-services.ts FAULT_SHARE MILLISECONDS_PER_IMAGE...
 *
 * Prints the URLs as one line of JSON.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { uniformStream } from '../../../src/tensor/noise.js';

const [share = 0, ...speeds] = process.argv.slice(2).map(Number);

async function start(milliseconds: number, place: number): Promise<string> {
  const random = uniformStream('reward services', place);
  /** When the images before are done. */
  let free = 0;
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { samples } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { samples: { id: string }[] };
    const faulty = random() < share;
    const now = performance.now();
    // What fails has cost its time all the same.
    free = Math.max(now, free) + milliseconds * samples.length;
    setTimeout(() => {
      if (faulty) return random() < 0.5 ? response.writeHead(500).end('no') : response.destroy();
      const results = samples.map(({ id }) => ({ id, score: 0.5 }));
      return response.end(JSON.stringify({ protocol: 1, results }));
    }, free - now);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

console.log(JSON.stringify(await Promise.all(speeds.map(start))));
