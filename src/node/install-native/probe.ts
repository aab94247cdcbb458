import { lastLines, runProgram } from './run-program.js';
import type { Settings } from './settings.js';

/** What the installed package runs, or why it does not. */
export type Probe =
  | { readonly works: true; readonly version: string; readonly gpu: boolean }
  | { readonly works: false; readonly log: string };

/**
 * Loads the package as a program in the project would, in a process of its own, and multiplies two matrices.
 * The helpers that Node 23 removed are put back as `selectBackend` does.
 */
export async function probe({ project, npmPackage, environment, signal }: Settings): Promise<Probe> {
  const { succeeded, printed, log } = await runProgram(process.execPath, ['-e', script(npmPackage)], {
    folder: project,
    environment: { TF_CPP_MIN_LOG_LEVEL: '2', ...environment },
    signal,
  });
  const found = /^bicot-probe (\S+) (cpu|gpu)$/m.exec(printed);
  if (!succeeded || found === null) return { works: false, log: lastLines(log) };
  return { works: true, version: found[1] as string, gpu: found[2] === 'gpu' };
}

const script = (npmPackage: string): string => `
  const util = require('node:util');
  util.isNullOrUndefined ??= (x) => x === null || x === undefined;
  util.isArray ??= Array.isArray;
  const tf = require(${JSON.stringify(npmPackage)});
  const { binding, isUsingGpuDevice } = tf.backend();
  const matrix = tf.tensor2d([[1, 2], [3, 4]]);
  tf.matMul(matrix, matrix).data().then((values) => {
    if (tf.getBackend() !== 'tensorflow') throw new Error('the current backend is ' + tf.getBackend());
    if (values.join() !== '7,10,15,22') throw new Error('a matrix product is ' + values.join());
    console.log('bicot-probe', binding.TF_Version, isUsingGpuDevice ? 'gpu' : 'cpu');
  });`;
