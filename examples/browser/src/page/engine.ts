import type { EngineName, FromWorker, ToWorker } from '../messages.js';

/** The worker, as the page sees it. */
export interface Trainer {
  tell(message: ToWorker, transfer?: Transferable[]): void;
}

/** Starts the worker; everything that it says goes to `heard`, its death as well. */
export function startTrainer(heard: (message: FromWorker) => void): Trainer {
  const worker = new Worker(new URL('../training/worker.ts', import.meta.url), {
    type: 'module',
    name: 'training',
  });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => heard(data);
  worker.onerror = ({ message }) =>
    heard({
      kind: 'failed',
      message: `The worker stopped: ${message || 'its code could not be loaded'}. Reload the page.`,
      fatal: true,
    });
  return { tell: (message, transfer = []) => worker.postMessage(message, transfer) };
}

/** What the address asks for: `?engine=wasm`, `?software=1` (a WebGPU adapter in software will do), `?seed=1`. */
export function askedOf(address: string): { engine?: EngineName; allowSoftware: boolean; seed: number } {
  const { searchParams } = new URL(address);
  const engine = searchParams.get('engine');
  const seed = Number(searchParams.get('seed') ?? 0);
  return {
    ...(engine && { engine: engine as EngineName }),
    allowSoftware: searchParams.get('software') === '1',
    seed: Number.isInteger(seed) ? seed : 0,
  };
}
