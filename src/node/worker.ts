import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { THREAD_NAME } from '../parallel/thread.js';
import { serveTasks } from '../worker/serve.js';
import { type BackendName, selectBackend } from './backend.js';

const served = new WeakSet<MessagePort>();

/**
 * Serves a pool in a thread of `worker_threads`, once. Done by itself in the threads that bicot starts; for those of
 * `parallel.spawn`.
 * @param port `parentPort`
 */
export function serveNodeWorker(port: MessagePort): void {
  if (served.has(port)) return;
  served.add(port);
  serveTasks(
    {
      post: (message, transfer = []) => port.postMessage(message, transfer),
      listen: (received) => port.on('message', received),
    },
    startBackend,
  );
}

async function startBackend(name: string): Promise<void> {
  // TensorFlow.js's name of two backends, of which the best is meant.
  const native = name === 'tensorflow';
  const { description } = await (native ? selectBackend() : selectBackend(name as BackendName));
  if (tf.getBackend() === name) return;
  throw new BicotError(
    'backend',
    `parallel: a worker runs on '${tf.getBackend()}' (${description}) and not on '${name}'. ${native ? 'Install @tensorflow/tfjs-node in this project, or name' : 'Name'} one that starts there as parallel.backend.`,
  );
}

// What else imports this file, in whatever thread, starts nothing.
if (parentPort && workerData === THREAD_NAME) serveNodeWorker(parentPort);
