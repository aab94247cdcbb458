import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { WORKER_DATA } from '../parallel/thread.js';
import { serveTasks } from '../worker/serve.js';
import { type BackendName, selectBackend } from './backend.js';

/** Serves a pool in a thread of `worker_threads`. Done by itself in the threads that bicot starts. */
export function serveNodeWorker(port: MessagePort): void {
  serveTasks(
    {
      post: (message, transfer = []) => port.postMessage(message, transfer),
      listen: (received) => port.on('message', received),
    },
    startBackend,
  );
}

async function startBackend(name: string): Promise<void> {
  if (name === 'tensorflow') await selectBackend();
  else await selectBackend(name as BackendName);
  if (tf.getBackend() === name) return;
  throw new BicotError(
    'backend',
    `parallel: a worker runs on '${tf.getBackend()}' and not on '${name}'. Name one that starts there as parallel.backend.`,
  );
}

// What else imports this file, in whatever thread, starts nothing.
if (parentPort && (workerData as { bicot?: unknown } | null)?.bicot === WORKER_DATA.bicot)
  serveNodeWorker(parentPort);
