import { THREAD_NAME } from '../parallel/thread.js';
import { serveWebWorker } from './web.js';

export { serveWebWorker };

// This file is itself what a Web Worker runs, unless a bundler was told of another entry.
const scope = globalThis as { readonly DedicatedWorkerGlobalScope?: unknown; readonly name?: unknown };
if (scope.DedicatedWorkerGlobalScope !== undefined && scope.name === THREAD_NAME) serveWebWorker();
