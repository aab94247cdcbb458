import type { Spawn } from '../../src/parallel/thread.js';
import { serveTasks } from '../../src/worker/serve.js';

/**
 * A worker without a thread, for tests of what is said and not of where: messages are cloned as between threads, and the
 * replica lives in this one.
 */
export const localThread: Spawn = () => {
  let toWorker: ((message: unknown) => void) | undefined;
  let toPool: ((message: unknown) => void) | undefined;
  let alive = true;
  const deliver = (
    to: () => ((message: unknown) => void) | undefined,
    message: unknown,
    transfer: ArrayBuffer[],
  ) => {
    const clone = structuredClone(message, { transfer });
    queueMicrotask(() => alive && to()?.(clone));
  };
  serveTasks(
    {
      post: (message, transfer = []) => deliver(() => toPool, message, transfer),
      listen: (received) => {
        toWorker = received;
      },
    },
    async () => {},
  );
  return {
    post: (message) => deliver(() => toWorker, message, []),
    listen: (received) => {
      toPool = received;
    },
    terminate: () => {
      alive = false;
    },
  };
};
