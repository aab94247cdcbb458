/** Trainings over several machines: a queue of BullMQ, and workers that take from it. */
export { bullmq } from './bullmq.js';
export type { RedisConnection } from './connection.js';
export type { BullMqOptions } from './coordinator/options.js';
export { type FleetStatus, type FleetWatch, fleetLines, watchFleet } from './status.js';
export { JOB_KINDS, type JobKind, type RunStats, type WorkerInfo } from './wire/protocol.js';
export type { WorkerParts } from './worker/compute.js';
export { type RunWorkerOptions, runWorker } from './worker/worker.js';
