import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { twoCopies, verifyBackend } from '../backends/verify.js';
import type { WebGpuOptions } from '../backends/webgpu/start.js';
import { CPU_IN_WORDS, wasmInWords } from '../backends/words.js';
import { BicotError, firstLineOf } from '../errors.js';
import { chooseKernels, type KernelSettings } from '../kernels/describe.js';
import { repairRound } from './native-kernels.js';
import { startWebGpuInNode, WEBGPU_PACKAGES } from './webgpu.js';

/** The backends a Node process can run on, best first. */
export type BackendName = 'node-gpu' | 'webgpu' | 'node' | 'wasm' | 'cpu';

/** How to look for a backend. */
export interface SelectBackendOptions extends WebGpuOptions, KernelSettings {
  /**
   * The folder whose `node_modules` holds the packages that bicot does not bring. Default: the working directory, then the
   * folder of the running script.
   */
  readonly projectFolder?: string;
}

/** What was chosen. */
export interface SelectedBackend {
  /** The one that runs, by the name that chooses it. */
  readonly name: BackendName;
  /** One line for people: what runs, and why a better one that is installed was passed over. */
  readonly description: string;
}

const BEST_FIRST = ['node-gpu', 'webgpu', 'node', 'wasm', 'cpu'] as const;
/** What each backend needs besides bicot. */
const PACKAGES: Readonly<Record<BackendName, readonly string[]>> = {
  'node-gpu': ['@tensorflow/tfjs-node-gpu'],
  webgpu: WEBGPU_PACKAGES,
  node: ['@tensorflow/tfjs-node'],
  wasm: [],
  cpu: [],
};

type Attempt =
  | { readonly kind: 'ready'; readonly description: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'broken'; readonly reason: string; readonly cause: unknown };

/**
 * Makes a backend the current one of TensorFlow.js: the named one, else the best installed of `node-gpu`, `webgpu`,
 * `node`, `wasm` and `cpu`. Packages of the first three are looked up in the user's project; wasm comes with bicot.
 * Call it once, before any tensor is made.
 * @throws BicotError `unsupported` if `fma` is asked of an engine without it; `backend` if the name is unknown, if the
 *   named backend is not installed, does not load, sees no GPU (`node-gpu`, `webgpu`) or only one in software (`webgpu`
 *   without `allowSoftware`), or if a second copy of TensorFlow.js is found
 */
export async function selectBackend(
  name?: BackendName,
  options: SelectBackendOptions = {},
): Promise<SelectedBackend> {
  const folders = searchFolders(options);
  if (name !== undefined) {
    const known = assertKnown(name);
    const description = readyOrThrow(known, await attempt(known, folders, options));
    await verifyBackend(known);
    return { name: known, description: await chooseKernels(description, options) };
  }
  const passedOver: string[] = [];
  for (const candidate of BEST_FIRST) {
    const result = await attempt(candidate, folders, options);
    if (result.kind === 'broken') passedOver.push(`${candidate} passed over: ${result.reason}`);
    if (result.kind !== 'ready') continue;
    await verifyBackend(candidate);
    const described = await chooseKernels(result.description, options);
    return { name: candidate, description: [described, ...passedOver].join('; ') };
  }
  throw new BicotError('backend', `No backend could be started (${passedOver.join('; ')}). Reinstall bicot.`);
}

function assertKnown(name: string): BackendName {
  const known = BEST_FIRST.find((candidate) => candidate === name);
  if (known === undefined) {
    throw new BicotError(
      'backend',
      `Unknown backend '${name}'. Choose one of ${BEST_FIRST.join(', ')}, or leave it out to get the best installed.`,
    );
  }
  return known;
}

function readyOrThrow(name: BackendName, result: Attempt): string {
  if (result.kind === 'absent') {
    const packages = PACKAGES[name];
    const several = packages.length > 1;
    throw new BicotError(
      'backend',
      `Backend '${name}' needs the package${several ? 's' : ''} ${packages.join(' and ')}, which ${several ? 'are' : 'is'} not installed in this project. Run \`npm install ${packages.map(versioned).join(' ')}\`${orBuild(name)}, or choose 'wasm', which needs no installation.`,
    );
  }
  if (result.kind === 'broken') {
    if (result.cause instanceof BicotError) throw result.cause;
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

/** The other way to a native backend. */
function orBuild(name: BackendName): string {
  if (name !== 'node' && name !== 'node-gpu') return '';
  return `, or on Linux \`npx bicot install-native${name === 'node-gpu' ? ' --gpu' : ''}\` for a current TensorFlow`;
}

/** A package of TensorFlow.js has the version of the rest of it. */
const versioned = (pkg: string): string => (pkg.startsWith('@tensorflow/') ? `${pkg}@4.22.0` : pkg);

async function attempt(
  name: BackendName,
  folders: readonly string[],
  options: SelectBackendOptions,
): Promise<Attempt> {
  try {
    switch (name) {
      case 'cpu':
        return await start('cpu', () => CPU_IN_WORDS);
      case 'wasm':
        // No wasm path is set: the package finds its binaries beside its own code, whatever the working directory.
        return await keepingErrorHandlers(async () => {
          await import('@tensorflow/tfjs-backend-wasm');
          return await start('wasm', wasmInWords);
        });
      case 'webgpu':
        return await attemptWebGpu(folders, options);
      default:
        return await attemptNative(PACKAGES[name][0] as string, folders);
    }
  } catch (cause) {
    if (cause instanceof BicotError && name !== 'webgpu') throw cause;
    return { kind: 'broken', reason: firstLineOf(cause), cause };
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

async function attemptWebGpu(folders: readonly string[], options: SelectBackendOptions): Promise<Attempt> {
  const [dawn, library] = WEBGPU_PACKAGES.map((pkg) => resolvePackage(pkg, folders));
  if (dawn === undefined || library === undefined) return { kind: 'absent' };
  return { kind: 'ready', description: await startWebGpuInNode(dawn, library, options) };
}

async function attemptNative(pkg: string, folders: readonly string[]): Promise<Attempt> {
  const file = resolvePackage(pkg, folders);
  if (file === undefined) return { kind: 'absent' };
  prepareNative();
  const native = createRequire(file)(file) as { readonly Tensor?: unknown };
  if (native.Tensor !== tf.Tensor) throw twoCopies(pkg);
  repairRound();
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
