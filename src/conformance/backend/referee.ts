import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { kernelSetting, setKernels } from '../../kernels/choice.js';
import type { Referee } from './backend-case.js';

/** The backend that every installation of TensorFlow.js has, in plain JavaScript. */
const REFERENCE = 'cpu';

/** A referee for the present backend. */
export function refereeOf(backend: string): Referee {
  return {
    isReference: backend === REFERENCE,
    async onReference(compute) {
      const kernels = kernelSetting();
      try {
        await switchTo(REFERENCE);
        setKernels('composed');
        return await compute();
      } finally {
        setKernels(...kernels);
        await switchTo(backend);
      }
    },
  };
}

async function switchTo(backend: string): Promise<void> {
  if (await tf.setBackend(backend)) return tf.ready();
  throw new BicotError(
    'backend',
    `checkBackend: TensorFlow.js could not switch to its backend '${backend}'. Start the backend again (selectBackend) in a new process.`,
  );
}

/** What a backend on a graphics device may have, as WebGPU's does. */
interface ScopedDevice {
  pushErrorScope(filter: 'validation' | 'out-of-memory' | 'internal'): void;
  popErrorScope(): Promise<{ readonly message: string } | null>;
}

const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/**
 * What the device refused while an action ran: TensorFlow.js goes on with garbage then, and throws nothing.
 * @returns what the action gave, and the first refusal
 */
export async function withRefusals<Result>(
  action: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly refused: string | undefined }> {
  const { device } = tf.backend() as { readonly device?: Partial<ScopedDevice> };
  if (typeof device?.pushErrorScope !== 'function') return { result: await action(), refused: undefined };
  const scoped = device as ScopedDevice;
  for (const filter of FILTERS) scoped.pushErrorScope(filter);
  try {
    const result = await action();
    const messages = await popped(scoped);
    return { result, refused: messages.find((message) => message !== undefined) };
  } catch (thrown) {
    await popped(scoped);
    throw thrown;
  }
}

/** Scopes are a stack: as many are taken off as were put on. */
async function popped(device: ScopedDevice): Promise<(string | undefined)[]> {
  const errors = await Promise.all(FILTERS.map(() => device.popErrorScope()));
  return errors.map((error) => error?.message);
}
