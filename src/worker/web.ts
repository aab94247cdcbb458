import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { serveTasks, type WorkerPort } from './serve.js';

/** The part of a Web Worker's global object that is used here. */
interface WorkerScope {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Serves a pool of the page that made this Web Worker, on a backend that the worker's code has imported. */
export function serveWebWorker(): void {
  const scope = globalThis as unknown as WorkerScope;
  const port: WorkerPort = {
    post: (message, transfer = []) => scope.postMessage(message, transfer),
    listen(received) {
      scope.onmessage = ({ data }) => received(data);
    },
  };
  serveTasks(port, startRegistered);
}

async function startRegistered(name: string): Promise<void> {
  if (tf.findBackendFactory(name) !== null && (await tf.setBackend(name))) return tf.ready();
  throw new BicotError(
    'backend',
    `parallel: a worker could not start the backend '${name}'. Make a worker of your own that imports it (import '@tensorflow/tfjs-backend-${name}'; import { serveWebWorker } from 'bicot/worker'; serveWebWorker()) and give its URL as parallel.entry, or name another as parallel.backend.`,
  );
}
