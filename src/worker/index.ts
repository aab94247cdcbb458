/** What runs inside the threads of a worker pool. */
export { serveTasks, type WorkerPort } from './serve.js';
export { serveWebWorker } from './start.js';
