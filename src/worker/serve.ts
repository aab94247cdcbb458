import { loadKernels, setKernels } from '../kernels/choice.js';
import { postedError } from '../parallel/errors.js';
import type { FromWorker, InitMessage, ToWorker } from '../parallel/protocol.js';
import type { Policy } from '../policy/policy.js';
import { madeFrom } from './made.js';
import { buffersOf, doTask, type Replica } from './tasks.js';
import { type LocalWeights, localWeights } from './weights.js';

/** A worker's end of the line. */
export interface WorkerPort {
  /**
   * Sends a message to the thread that started the worker.
   * @param transfer memory that is handed over and not copied
   */
  post(message: unknown, transfer?: ArrayBuffer[]): void;
  /**
   * Hears what that thread sends.
   * @param received called with every message
   */
  listen(received: (message: unknown) => void): void;
}

/**
 * Serves a pool's tasks in a worker's thread, one at a time.
 * @param startBackend makes a backend of TensorFlow.js the current one
 */
export function serveTasks(port: WorkerPort, startBackend: (name: string) => Promise<unknown>): void {
  const post = (message: FromWorker, transfer?: ArrayBuffer[]): void => port.post(message, transfer);
  const aborts = new Map<number, AbortController>();
  let replica: (Replica & { readonly weights: LocalWeights }) | undefined;

  const init = async ({ policy: recipe, backend, layout }: InitMessage): Promise<void> => {
    await startBackend(backend);
    await loadKernels();
    const policy = await madeFrom<Policy<unknown>>(recipe);
    replica = { policy, layout, weights: localWeights(policy.variables, layout) };
    post({ kind: 'ready' });
  };

  const work = async ({ id, task, weights, kernels }: ToWorker & { kind: 'task' }): Promise<void> => {
    const abort = new AbortController();
    aborts.set(id, abort);
    try {
      setKernels(...kernels);
      const own = replica as NonNullable<typeof replica>;
      own.weights.use(weights);
      const onTokens = (tokens: number): void => post({ kind: 'progress', id, tokens });
      const result = await doTask(own, task, { signal: abort.signal, onTokens });
      post({ kind: 'done', id, result }, buffersOf(result));
    } catch (error) {
      post({ kind: 'failed', id, error: postedError(error) });
    } finally {
      aborts.delete(id);
    }
  };

  port.listen((received) => {
    const message = received as ToWorker;
    if (message.kind === 'init')
      init(message).catch((error) => post({ kind: 'unable', error: postedError(error) }));
    else if (message.kind === 'task') void work(message);
    else aborts.get(message.id)?.abort();
  });
}
