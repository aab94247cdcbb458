/** The executor over a queue passes the suite of all executors. */
import { bullmq } from 'bicot/distributed';
import { afterAll, beforeAll } from 'vitest';
import { executorConformance } from '../../support/executor-conformance.js';
import { type FleetWorker, startWorker } from '../../support/fleet.js';
import { type RedisServer, startRedis } from '../../support/redis-server.js';

let redis: RedisServer;
let workers: FleetWorker[];
beforeAll(async () => {
  redis = await startRedis();
  workers = await Promise.all([0, 1].map(() => startWorker({ url: redis.url, queue: 'conformance' })));
});
afterAll(async () => {
  for (const worker of workers) worker.kill('SIGTERM');
  await Promise.all(workers.map(({ ended }) => ended));
  await redis.stop();
});

executorConformance('bullmq', () =>
  bullmq({ connection: redis.url, queue: 'conformance', rowsPerTask: 16, say: () => {} }),
);
