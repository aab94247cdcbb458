import type * as tf from '@tensorflow/tfjs';

/** A tensor's data as TensorFlow.js's WebGPU backend holds it. */
export interface WebGpuData {
  /** The numbers on the host: not uploaded yet, or read before. */
  values: unknown;
  resource?: WebGpuBuffer;
}

/** A `GPUBuffer`. */
export interface WebGpuBuffer {
  readonly size: number;
  destroy(): void;
}

/** The parts of a `GPUDevice` that bicot uses; the names are WebGPU's. */
export interface WebGpuDevice {
  readonly limits: Readonly<Record<LimitName, number>>;
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  addEventListener(
    type: 'uncapturederror',
    listener: (event: { readonly error: { readonly message: string }; preventDefault?(): void }) => void,
  ): void;
  createShaderModule(descriptor: { code: string; label?: string }): object;
  createBindGroupLayout(descriptor: { entries: readonly object[] }): object;
  createPipelineLayout(descriptor: { bindGroupLayouts: readonly object[] }): object;
  createComputePipeline(descriptor: object): object;
  createBindGroup(descriptor: { layout: object; entries: readonly object[] }): object;
}

/** Limits of a device that computing runs into. */
export const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** One of them. */
export type LimitName = (typeof LIMITS)[number];

interface PassEncoder {
  setPipeline(pipeline: object): void;
  setBindGroup(index: number, group: object): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
}

/** TensorFlow.js's store of buffers: those that are free are kept, by size and usage, for ever. */
export interface BufferManager {
  readonly freeBuffers: Map<string, WebGpuBuffer[]>;
  readonly numBytesUsed: number;
  numBytesAllocated: number;
  numFreeBuffers: number;
  acquireBuffer(size: number, usage: number, mapped?: boolean, reuse?: boolean): WebGpuBuffer;
}

/** The parts of TensorFlow.js's WebGPU backend (4.x) that its own programs use, private ones among them. */
export interface WebGpuBackend extends tf.KernelBackend {
  readonly device: WebGpuDevice;
  readonly queue: {
    writeBuffer(buffer: WebGpuBuffer, offset: number, data: ArrayBuffer): void;
  };
  readonly bufferManager: BufferManager;
  readonly tensorMap: { get(id: object): WebGpuData };
  readonly commandQueueOwnedIds: WeakSet<object>;
  readonly uniformPendingDisposal: WebGpuBuffer[];
  commandEncoder: { beginComputePass(): PassEncoder };
  computePassEncoder: PassEncoder | null;
  dispatchCountInPass: number;
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  incRef(id: object): void;
  uploadToGPU(id: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}
