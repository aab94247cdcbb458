import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../errors.js';
import { currentKernels, type KernelChoice, setKernels } from '../kernels/choice.js';
import { assertGradientsRegistered } from '../tensor/gradients.js';

/** The backends a Node process can run on, best first; `webgpu` is reserved for a later version. */
export type BackendName = 'node-gpu' | 'node' | 'wasm' | 'cpu' | 'webgpu';

/** How to look for a backend. */
export interface SelectBackendOptions {
  /**
   * The folder whose `node_modules` holds the native package. Default: the working directory, then the
   * folder of the running script.
   */
  readonly projectFolder?: string;
  /** Fused kernels where the backend has them, or stock operations only; see `setKernels`. Default `fused`. */
  readonly kernels?: KernelChoice;
  /** With wasm: the faster build of the fused kernels, whose last bits depend on the machine. Default false. */
  readonly fma?: boolean;
}

/** What was chosen. */
export interface SelectedBackend {
  readonly name: Exclude<BackendName, 'webgpu'>;
  /** One line for people: what runs, and why a better one that is installed was passed over. */
  readonly description: string;
}

const BEST_FIRST = ['node-gpu', 'node', 'wasm', 'cpu'] as const;
const NATIVE_PACKAGES = {
  'node-gpu': '@tensorflow/tfjs-node-gpu',
  node: '@tensorflow/tfjs-node',
} as const;

type Native = keyof typeof NATIVE_PACKAGES;
type Attempt =
  | { readonly kind: 'ready'; readonly description: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'broken'; readonly reason: string; readonly cause: unknown };

/**
 * Makes a backend the current one of TensorFlow.js: the named one, else the best installed of `node-gpu`,
 * `node`, `wasm` and `cpu`. Native packages are looked up in the user's project; wasm comes with bicot.
 * Call it once, before any tensor is made.
 * @throws BicotError `unsupported` if `fma` is asked of an engine without it; `backend` if the name is unknown or reserved, if the named backend is not installed,
 *   does not load or (`node-gpu`) sees no GPU, or if a second copy of TensorFlow.js is found
 */
export async function selectBackend(
  name?: BackendName,
  options: SelectBackendOptions = {},
): Promise<SelectedBackend> {
  const folders = searchFolders(options);
  if (name !== undefined) {
    const known = assertKnown(name);
    const description = readyOrThrow(known, await attempt(known, folders));
    await verify(known);
    return { name: known, description: chosenKernels(description, options) };
  }
  const passedOver: string[] = [];
  for (const candidate of BEST_FIRST) {
    const result = await attempt(candidate, folders);
    if (result.kind === 'broken') passedOver.push(`${candidate} passed over: ${result.reason}`);
    if (result.kind !== 'ready') continue;
    await verify(candidate);
    const described = chosenKernels(result.description, options);
    return { name: candidate, description: [described, ...passedOver].join('; ') };
  }
  throw new BicotError('backend', `No backend could be started (${passedOver.join('; ')}). Reinstall bicot.`);
}

/** Chooses the kernels too, and says which they are. */
function chosenKernels(
  description: string,
  { kernels = 'fused', fma = false }: SelectBackendOptions,
): string {
  setKernels(kernels, { fma });
  if (tf.getBackend() !== 'wasm') return description;
  const { available } = currentKernels();
  if (kernels === 'composed' || !available) return `${description}, stock operations`;
  return `${description}, fused kernels${fma ? ' with FMA' : ''}`;
}

function assertKnown(name: string): SelectedBackend['name'] {
  if (name === 'webgpu') {
    throw new BicotError(
      'backend',
      `Backend 'webgpu' is reserved but not available yet. Choose one of ${BEST_FIRST.join(', ')}.`,
    );
  }
  const known = BEST_FIRST.find((candidate) => candidate === name);
  if (known === undefined) {
    throw new BicotError(
      'backend',
      `Unknown backend '${name}'. Choose one of ${BEST_FIRST.join(', ')}, or leave it out to get the best installed.`,
    );
  }
  return known;
}

function readyOrThrow(name: SelectedBackend['name'], result: Attempt): string {
  if (result.kind === 'absent') {
    const pkg = NATIVE_PACKAGES[name as Native];
    throw new BicotError(
      'backend',
      `Backend '${name}' needs the package ${pkg}, which is not installed in this project. Run \`npm install ${pkg}@4.22.0\`, or choose 'wasm', which needs no installation.`,
    );
  }
  if (result.kind === 'broken') {
    throw new BicotError(
      'backend',
      `Backend '${name}' is installed but does not start: ${result.reason}. Repair it, or choose another of ${BEST_FIRST.join(', ')}.`,
      { cause: result.cause },
    );
  }
  if (name === 'node-gpu' && !usesGpu()) {
    throw new BicotError(
      'backend',
      `Backend 'node-gpu' was started but sees no GPU. Check the driver, CUDA and LD_LIBRARY_PATH, or choose 'node' to run on the CPU.`,
    );
  }
  return result.description;
}

async function attempt(name: SelectedBackend['name'], folders: readonly string[]): Promise<Attempt> {
  try {
    switch (name) {
      case 'cpu':
        return await start('cpu', () => 'plain JavaScript on the CPU (slow: for tests and tiny models)');
      case 'wasm':
        // No wasm path is set: the package finds its binaries beside its own code, whatever the working directory.
        return await keepingErrorHandlers(async () => {
          await import('@tensorflow/tfjs-backend-wasm');
          return await start(
            'wasm',
            () => `WebAssembly${tf.env().get('WASM_HAS_SIMD_SUPPORT') ? ' with SIMD' : ''}`,
          );
        });
      default:
        return await attemptNative(name, folders);
    }
  } catch (cause) {
    if (cause instanceof BicotError) throw cause;
    return { kind: 'broken', reason: firstLine(cause), cause };
  }
}

/**
 * Takes back the handlers of uncaught errors that the wasm binary's loader installs: they throw every error again
 * from inside its one-line source, and Node then prints 50 kB of it before the message.
 */
async function keepingErrorHandlers<T>(action: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => new Set<unknown>(process.listeners(event as 'uncaughtException')));
  const result = await action();
  events.forEach((event, i) => {
    for (const listener of process.listeners(event as 'uncaughtException')) {
      if (!before[i]?.has(listener)) process.removeListener(event, listener);
    }
  });
  return result;
}

async function attemptNative(name: Native, folders: readonly string[]): Promise<Attempt> {
  const pkg = NATIVE_PACKAGES[name];
  const file = resolvePackage(pkg, folders);
  if (file === undefined) return { kind: 'absent' };
  prepareNative();
  const native = createRequire(file)(file) as { readonly Tensor?: unknown };
  if (native.Tensor !== tf.Tensor) throw twoCopies(pkg);
  return await start('tensorflow', () =>
    usesGpu() ? `native TensorFlow on the GPU (${pkg})` : `native TensorFlow on the CPU (${pkg})`,
  );
}

async function start(tfName: string, describe: () => string): Promise<Attempt> {
  if (!(await tf.setBackend(tfName))) {
    return {
      kind: 'broken',
      reason: `TensorFlow.js could not start its backend '${tfName}'`,
      cause: undefined,
    };
  }
  await tf.ready();
  return { kind: 'ready', description: describe() };
}

/** Every backend must be able to train, on the same TensorFlow.js that the caller uses. */
async function verify(name: string): Promise<void> {
  assertGradientsRegistered();
  const gradient = tf.tidy(() => tf.grad((x) => x.square().sum())(tf.tensor1d([1, 2])));
  const sameCopy = gradient instanceof tf.Tensor;
  const values = await gradient.data();
  gradient.dispose();
  if (!sameCopy) throw twoCopies('@tensorflow/tfjs-core');
  if (values[0] !== 2 || values[1] !== 4) {
    throw new BicotError(
      'backend',
      `Backend '${name}' computes a wrong gradient (of x² at 1, 2: got ${values.join(', ')}, expected 2, 4). Reinstall its package, or choose another backend.`,
    );
  }
}

function twoCopies(pkg: string): BicotError {
  return new BicotError(
    'backend',
    `${pkg} uses a second copy of TensorFlow.js, so its tensors and gradients are unknown to this one. Install the same version of both (npm ls @tensorflow/tfjs; npm dedupe).`,
  );
}

function usesGpu(): boolean {
  return (tf.backend() as { readonly isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
}

function searchFolders(options: SelectBackendOptions): readonly string[] {
  if (options.projectFolder !== undefined) return [resolve(options.projectFolder)];
  const script = process.argv[1];
  return script === undefined ? [process.cwd()] : [process.cwd(), dirname(resolve(script))];
}

function resolvePackage(pkg: string, folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    try {
      return createRequire(join(folder, 'noop.js')).resolve(pkg);
    } catch {
      // Not here; the next folder may have it.
    }
  }
  return undefined;
}

/** Settings that must stand before the native library is loaded; the user's own always win. */
function prepareNative(): void {
  const defaults = {
    TF_CPP_MIN_LOG_LEVEL: '2', // warnings of the loader are not about the user's program
    TF_ENABLE_ONEDNN_OPTS: '0', // its thread pool costs small matMuls more than it gives
    TF_FORCE_GPU_ALLOW_GROWTH: 'true', // or TensorFlow takes the whole GPU at once
  };
  for (const [key, value] of Object.entries(defaults)) process.env[key] ??= value;
  // tfjs-node 4.22 calls two helpers that Node 23 removed.
  const helpers = util as { isNullOrUndefined?: unknown; isArray?: unknown };
  helpers.isNullOrUndefined ??= (x: unknown) => x === null || x === undefined;
  helpers.isArray ??= Array.isArray;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] as string;
}
