import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { splitAddN } from './add-n.js';
import { LIMITS, type LimitName, type WebGpuBackend, type WebGpuDevice } from './backend.js';
import { guardBuffers } from './buffers.js';
import { makeErrorsFatal } from './errors.js';

/** The parts of a `GPUAdapter` that are used here; the names are WebGPU's. */
export interface WebGpuAdapter {
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  /** In browsers before `info` had it. */
  readonly isFallbackAdapter?: boolean;
  readonly features: { has(name: string): boolean };
  readonly limits: Readonly<Record<LimitName, number>>;
  requestDevice(descriptor: object): Promise<WebGpuDevice>;
}

/** What WebGPU is started with. */
export interface WebGpuParts {
  /** `navigator.gpu`. */
  readonly gpu: { requestAdapter(options: object): Promise<WebGpuAdapter | null> };
  /** `@tensorflow/tfjs-backend-webgpu`. */
  readonly library: {
    readonly WebGPUBackend: new (device: never, info: never) => tf.KernelBackend;
  };
}

/** Which adapters will do. */
export interface WebGpuOptions {
  /** A GPU in software computes the same, thousands of times slower: for tests. Default false. */
  readonly allowSoftware?: boolean;
}

/** The adapter that was found. */
export interface WebGpuStarted {
  /** Its name. */
  readonly adapter: string;
  readonly software: boolean;
}

/**
 * Makes WebGPU the current backend of TensorFlow.js, on a device that has all that the adapter allows; TensorFlow.js
 * asks for less. What the device refuses is an error, and not garbage: see `errors.ts`, `buffers.ts`, `add-n.ts`.
 * @returns undefined if no GPU was found
 * @throws BicotError `backend` if the only one is software and that was not allowed, or if it does not start
 */
export async function startWebGpu(
  { gpu, library }: WebGpuParts,
  { allowSoftware = false }: WebGpuOptions = {},
): Promise<WebGpuStarted | undefined> {
  const running = tf.engine().registry.webgpu as WebGpuBackend | undefined;
  const known = running && started.get(running.device);
  if (known) {
    assertAllowed(known, allowSoftware);
    await tf.setBackend('webgpu');
    return known;
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return undefined;
  const found = { adapter: nameOf(adapter), software: isSoftware(adapter) };
  assertAllowed(found, allowSoftware);
  const device = await adapter.requestDevice({
    requiredFeatures: ['timestamp-query'].filter((name) => adapter.features.has(name)),
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  // The package has registered itself, with a device of its own, if it found navigator.gpu.
  if (tf.engine().registryFactory.webgpu) tf.removeBackend('webgpu');
  tf.registerBackend(
    'webgpu',
    () => {
      const backend = new library.WebGPUBackend(device as never, (adapter.info ?? {}) as never);
      guardBuffers(backend as WebGpuBackend);
      makeErrorsFatal(backend as WebGpuBackend);
      return backend;
    },
    3,
  );
  splitAddN();
  if (!(await tf.setBackend('webgpu'))) {
    throw new BicotError(
      'backend',
      `TensorFlow.js could not start its backend 'webgpu' on ${found.adapter}. Look at what it printed, or choose 'wasm'.`,
    );
  }
  await tf.ready();
  started.set(device, found);
  return found;
}

const started = new WeakMap<WebGpuDevice, WebGpuStarted>();

function assertAllowed({ adapter, software }: WebGpuStarted, allowSoftware: boolean): void {
  if (!software || allowSoftware) return;
  throw new BicotError(
    'backend',
    `The only WebGPU adapter here, ${adapter}, is a GPU in software, which is far slower than 'wasm'. Install the GPU's driver, choose 'wasm', or pass allowSoftware: true for tests.`,
  );
}

function nameOf({ info = {} }: WebGpuAdapter): string {
  const name = info.description || info.device || 'an unnamed GPU';
  const maker = [info.vendor, info.architecture].filter((part) => part && !name.includes(part));
  return maker.length > 0 ? `${name} (${maker.join(', ')})` : name;
}

function isSoftware({ info, isFallbackAdapter }: WebGpuAdapter): boolean {
  return info?.isFallbackAdapter ?? isFallbackAdapter ?? false;
}
