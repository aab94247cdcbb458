/** What runs inside the threads of a worker pool in Node. */
export { serveNodeWorker } from './worker.js';
