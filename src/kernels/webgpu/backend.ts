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
}

/** The parts of a `GPUDevice` that kernels use; the names are WebGPU's. */
export interface WebGpuDevice {
  readonly limits: {
    readonly maxComputeWorkgroupsPerDimension: number;
    readonly maxStorageBuffersPerShaderStage: number;
    readonly maxStorageBufferBindingSize: number;
    readonly maxComputeWorkgroupStorageSize: number;
  };
  createShaderModule(descriptor: { code: string; label?: string }): object;
  createBindGroupLayout(descriptor: { entries: readonly object[] }): object;
  createPipelineLayout(descriptor: { bindGroupLayouts: readonly object[] }): object;
  createComputePipeline(descriptor: object): object;
  createBindGroup(descriptor: { layout: object; entries: readonly object[] }): object;
}

interface PassEncoder {
  setPipeline(pipeline: object): void;
  setBindGroup(index: number, group: object): void;
  dispatchWorkgroups(x: number, y: number, z: number): void;
}

/** The parts of TensorFlow.js's WebGPU backend (4.x) that its own programs use, private ones among them. */
export interface WebGpuBackend extends tf.KernelBackend {
  readonly device: WebGpuDevice;
  readonly queue: {
    writeBuffer(buffer: WebGpuBuffer, offset: number, data: ArrayBuffer): void;
  };
  readonly bufferManager: { acquireBuffer(size: number, usage: number): WebGpuBuffer };
  readonly tensorMap: { get(id: object): WebGpuData };
  readonly commandQueueOwnedIds: WeakSet<object>;
  readonly uniformPendingDisposal: WebGpuBuffer[];
  commandEncoder: { beginComputePass(): PassEncoder };
  computePassEncoder: PassEncoder | null;
  dispatchCountInPass: number;
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  uploadToGPU(id: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}
