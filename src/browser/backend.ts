import * as tf from '@tensorflow/tfjs';
import { verifyBackend } from '../backends/verify.js';
import { startWebGpu, type WebGpuOptions, type WebGpuParts } from '../backends/webgpu/start.js';
import { CPU_IN_WORDS, wasmInWords } from '../backends/words.js';
import { BicotError, reasonOf } from '../errors.js';
import { chooseKernels, type KernelSettings } from '../kernels/describe.js';

/** The backends a page or a Web Worker can run on, best first. */
export type BrowserBackendName = 'webgpu' | 'wasm' | 'cpu';

/** How to start a backend. */
export interface BrowserBackendOptions extends WebGpuOptions, KernelSettings {
  /**
   * Where the binaries of `@tensorflow/tfjs-backend-wasm` are: the URL of their folder, or each one's. Default: beside the
   * script, where few bundlers put them.
   */
  readonly wasmPaths?: string | Readonly<Record<string, string>>;
}

/** What was chosen. */
export interface SelectedBrowserBackend {
  /** The one that runs, as TensorFlow.js calls it too. */
  readonly name: BrowserBackendName;
  /** One line for people: what runs, and why a better one was passed over. */
  readonly description: string;
}

const BEST_FIRST: readonly BrowserBackendName[] = ['webgpu', 'wasm', 'cpu'];

/**
 * Makes a backend the current one of TensorFlow.js in a page or a Web Worker: the named one, else the best that starts of
 * `webgpu` (needs `@tensorflow/tfjs-backend-webgpu`), `wasm` and `cpu`. Call it once, before any tensor is made.
 * @throws BicotError `backend` if the name is unknown, the named backend does not start, or `webgpu` finds no GPU, or only
 *   one in software without `allowSoftware`; `unsupported` if `fma` is asked of an engine without it
 */
export async function selectBackend(
  name?: BrowserBackendName,
  options: BrowserBackendOptions = {},
): Promise<SelectedBrowserBackend> {
  if (name !== undefined && !BEST_FIRST.includes(name)) {
    throw new BicotError(
      'backend',
      `Unknown backend '${name}'. Choose one of ${BEST_FIRST.join(', ')}, or leave it out to get the best that starts.`,
    );
  }
  const passedOver: string[] = [];
  for (const candidate of name ? [name] : BEST_FIRST) {
    let engine: string;
    try {
      engine = await START[candidate](options);
    } catch (cause) {
      const reason = reasonOf(cause);
      if (name && cause instanceof BicotError) throw cause;
      if (name) throw notStarted(candidate, reason, cause);
      passedOver.push(`${candidate} passed over: ${reason}`);
      continue;
    }
    await verifyBackend(candidate);
    const described = await chooseKernels(engine, options);
    return { name: candidate, description: [described, ...passedOver].join('; ') };
  }
  throw new BicotError('backend', `No backend could be started (${passedOver.join('; ')}).`);
}

const START: Readonly<Record<BrowserBackendName, (options: BrowserBackendOptions) => Promise<string>>> = {
  async webgpu(options) {
    const { gpu } = (globalThis.navigator ?? {}) as { readonly gpu?: WebGpuParts['gpu'] };
    if (!gpu) {
      throw new Error(
        'there is no navigator.gpu: this browser has no WebGPU, or the page comes neither from https nor from localhost',
      );
    }
    const library = (await import('@tensorflow/tfjs-backend-webgpu')) as unknown as WebGpuParts['library'];
    const started = await startWebGpu({ gpu, library }, options);
    if (!started) throw new Error('the browser finds no GPU that it allows (see its page about the GPU)');
    return `WebGPU on ${started.adapter}`;
  },
  async wasm({ wasmPaths }) {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    if (wasmPaths) setWasmPaths(wasmPaths as Parameters<typeof setWasmPaths>[0]);
    // Where memory may be shared it would be, and the fused kernels cannot run on shared memory.
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    await start('wasm');
    return wasmInWords();
  },
  async cpu() {
    await start('cpu');
    return CPU_IN_WORDS;
  },
};

async function start(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) {
    throw new Error(`TensorFlow.js could not start its backend '${name}'; look at what it printed`);
  }
  await tf.ready();
}

function notStarted(name: string, reason: string, cause: unknown): BicotError {
  return new BicotError(
    'backend',
    `Backend '${name}' does not start: ${reason}. Choose another of ${BEST_FIRST.join(', ')}, or leave it out.`,
    { cause },
  );
}
