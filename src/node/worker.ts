import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { verifyBackend } from '../backends/verify.js';
import { BicotError, reasonOf } from '../errors.js';
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
  if (name === 'tensorflow') return startNative();
  await selectBackend(name as BackendName);
  if (tf.getBackend() === name) return;
  throw new BicotError(
    'backend',
    `parallel: a worker runs on '${tf.getBackend()}' and not on '${name}'. Name one that starts there as parallel.backend, by TensorFlow.js's name of it.`,
  );
}

/** TensorFlow.js has one name for the backend of two packages: the one with a GPU, if it starts, else the other. */
async function startNative(): Promise<void> {
  const reasons: string[] = [];
  for (const name of ['node-gpu', 'node'] as const) {
    try {
      await selectBackend(name);
      return;
    } catch (error) {
      // Without a GPU its package computes on the CPU, as the calling thread may do.
      if (tf.getBackend() === 'tensorflow') return verifyBackend('tensorflow');
      reasons.push(reasonOf(error));
    }
  }
  throw new BicotError(
    'backend',
    `parallel: a worker could not start 'tensorflow'. ${reasons.join(' ')} Or name another as parallel.backend.`,
  );
}

// What else imports this file, in whatever thread, starts nothing.
if (parentPort && workerData === THREAD_NAME) serveNodeWorker(parentPort);
