import {
  DEFAULT_SETTINGS,
  type EngineName,
  type EngineOptions,
  type FromWorker,
  type Settings,
  type ToWorker,
} from '../messages.js';

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

/** What the address may ask for. */
export interface Asked extends EngineOptions {
  readonly seed: number;
  readonly settings: Settings;
}

/**
 * Reads the address: `?engine=wasm`, `?software=1` (a WebGPU adapter in software will do), `?workers=0`, `?seed=1`, and
 * the settings by their names, `?groupSize=4`.
 */
export function askedOf(address: string): Asked {
  const { searchParams } = new URL(address);
  const engine = searchParams.get('engine');
  const workers = searchParams.get('workers');
  const settings = Object.entries(DEFAULT_SETTINGS).map(([name, value]) => {
    const given = searchParams.get(name);
    return [name, given === null ? value : Number(given)];
  });
  return {
    ...(engine && { engine: engine as EngineName }),
    ...(workers && { workers: Number(workers) }),
    allowSoftware: searchParams.get('software') === '1',
    seed: Number(searchParams.get('seed') ?? 0),
    settings: Object.fromEntries(settings) as Settings,
  };
}
