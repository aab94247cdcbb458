import { BicotError } from '../../errors.js';
import type { WebGpuBackend } from './backend.js';

/**
 * Makes what a device refuses an error of every later read. WebGPU itself throws nothing: a refused command is left out,
 * its results are whatever was in the memory, and Dawn prints a line. By the time a read is done, what was refused before
 * it is known.
 */
export function makeErrorsFatal(backend: WebGpuBackend): void {
  let fatal: string | undefined;
  backend.device.addEventListener('uncapturederror', (event) => {
    // Said once, by the error, and not on the console too.
    event.preventDefault?.();
    fatal ??= `WebGPU refused a command: ${event.error.message.split('\n')[0]}`;
  });
  void backend.device.lost.then(({ reason, message }) => {
    if (reason !== 'destroyed') fatal ??= `the WebGPU device was lost (${message || reason})`;
  });
  const check = (): void => {
    if (fatal === undefined) return;
    throw new BicotError(
      'backend',
      `${fatal}. What was computed since can't be trusted, so this process can't go on with the backend: start again from the last checkpoint. If it is about memory or sizes, use a smaller microBatch, fewer rows at once or a smaller model.`,
    );
  };
  const read = backend.read.bind(backend);
  backend.read = async (id) => {
    check();
    // A device that was lost rejects the mapping in words of its own.
    const values = await read(id).catch((error: unknown) => {
      check();
      throw error;
    });
    check();
    return values;
  };
}
