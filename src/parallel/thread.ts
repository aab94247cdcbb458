import { BicotError, reasonOf } from '../errors.js';

/** A worker's thread, of Node or of a browser. */
export interface WorkerThread {
  /** Sends a message, or throws if it can't be cloned. */
  post(message: unknown): void;
  /**
   * Called once, before the first post.
   * @param ended called with the reason if the thread ends by itself
   */
  listen(received: (message: unknown) => void, ended: (reason: string) => void): void;
  /** Whether the thread keeps the process alive; only while it works. */
  hold?(busy: boolean): void;
  /** Ends the thread; a promise is waited for. */
  terminate(): unknown;
}

/** Makes a thread in which the worker's entry runs. */
export type Spawn = () => WorkerThread;

/** What marks a thread as one of bicot's, so that importing the entry elsewhere starts nothing. */
export const THREAD_NAME = 'bicot';

type NodeThreads = typeof import('node:worker_threads');

/**
 * Makes threads for where the code runs: of `worker_threads` in Node, else Web Workers.
 * @param entry the module that runs in the thread. Default: bicot's own
 */
export function spawner(entry?: string | URL): Spawn {
  const inNode = typeof process !== 'undefined' && typeof process.versions?.node === 'string';
  return inNode ? () => nodeThread(entry ?? ownEntry('node')) : () => webThread(entry ?? ownEntry('browser'));
}

/** Beside the built files; in the sources, where tests and examples run, the TypeScript itself. */
function ownEntry(where: 'node' | 'browser'): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts'))
    return new URL(where === 'node' ? '../node/worker.ts' : '../worker/index.ts', here);
  // A module of its own lies a folder deeper than what CommonJS or a page's bundler makes of it.
  const root = here.endsWith('/parallel/thread.js') ? '..' : '.';
  return new URL(`${root}/${where === 'node' ? 'node-worker' : 'worker'}.js`, here);
}

function nodeThread(entry: string | URL): WorkerThread {
  // Not imported: this code runs in browsers too.
  const builtin = (process as { getBuiltinModule?: (name: string) => unknown }).getBuiltinModule;
  if (builtin === undefined) {
    throw new BicotError(
      'unsupported',
      `parallel: workers need Node 20.16 or later (process.getBuiltinModule); this is ${process.version}. Update Node, or leave parallel out.`,
    );
  }
  const { Worker } = builtin('node:worker_threads') as NodeThreads;
  const url = new URL(entry, import.meta.url);
  const worker = url.pathname.endsWith('.ts')
    ? new Worker(throughTsx(url), { eval: true, execArgv: [], workerData: THREAD_NAME })
    : new Worker(url, { workerData: THREAD_NAME });
  return {
    post: (message) => worker.postMessage(message),
    listen(received, ended) {
      worker.on('message', received);
      worker.on('messageerror', (error) => ended(`a message could not be read: ${error.message}`));
      worker.on('error', (error) => ended(reasonOf(error)));
      worker.on('exit', (code) => ended(`the thread exited with code ${code}`));
    },
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    terminate: () => worker.terminate(),
  };
}

/** Code that runs a TypeScript entry. Node 20 ignores `--import tsx` for the entry of a thread. */
function throughTsx(entry: URL): string {
  return `import('tsx/esm/api').then((tsx) => { tsx.register(); return import(${JSON.stringify(entry.href)}); });`;
}

function webThread(entry: string | URL): WorkerThread {
  const worker = new Worker(entry, { type: 'module', name: THREAD_NAME });
  return {
    post: (message) => worker.postMessage(message),
    listen(received, ended) {
      worker.onmessage = ({ data }) => received(data);
      worker.onmessageerror = () => ended('a message could not be read');
      worker.onerror = ({ message }) => ended(message || 'the worker could not be loaded');
    },
    terminate: () => worker.terminate(),
  };
}
