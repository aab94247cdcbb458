import * as tf from '@tensorflow/tfjs';
import type { WebGpuBackend, WebGpuBuffer, WebGpuDevice } from '../../backends/webgpu/backend.js';

/** What a shader's numbers are. */
export type Scalar = 'f32' | 'i32' | 'u32';

/**
 * A compute shader. TensorFlow.js's own `runWebGPUProgram` knows one output and never writes to what is there; these may
 * have several, and an output may be a tensor that exists, which is then changed in place.
 */
export interface WebGpuProgram {
  /** Its pipeline is cached by it: programs of one name have one source. */
  readonly name: string;
  /** What it reads, by the names that the source gives the arrays. */
  readonly inputs: Readonly<Record<string, Exclude<Scalar, 'u32'>>>;
  /** What it writes, and may read. */
  readonly outputs: Readonly<Record<string, Exclude<Scalar, 'u32'>>>;
  /** Numbers, which the source reads as `params.name`. */
  readonly params: Readonly<Record<string, Scalar>>;
  /** Invocations in a workgroup. */
  readonly workgroup: number;
  /**
   * WGSL with `fn main(group: u32, lane: u32)`: the workgroup's number, and the invocation's in it. Read once, so that a
   * getter may put it together.
   */
  readonly source: string;
}

/** What a program is run on. */
export interface WebGpuRun {
  /** By the names of the program's inputs and outputs; all of them on this backend. */
  readonly tensors: Readonly<Record<string, tf.TensorInfo>>;
  readonly params: Readonly<Record<string, number>>;
  /** Workgroups, at least one. A grid may have some beyond them, which must find nothing to do. */
  readonly groups: number;
}

// WebGPU's constants: GPUBufferUsage.UNIFORM | COPY_DST, and GPUShaderStage.COMPUTE.
const UNIFORM_USAGE = 0x40 | 0x08;
const COMPUTE_STAGE = 0x4;

interface Pipeline {
  readonly pipeline: object;
  readonly layout: object;
}

const pipelines = new WeakMap<WebGpuDevice, Map<string, Pipeline>>();

/** Records a program in the backend's queue, after what is there. */
export function runProgram(
  backend: WebGpuBackend,
  program: WebGpuProgram,
  { tensors, params, groups }: WebGpuRun,
): void {
  const bound = [...Object.keys(program.inputs), ...Object.keys(program.outputs)].map(
    (name) => tensors[name] as tf.TensorInfo,
  );
  const buffers = bound.map(({ dataId }) => {
    backend.uploadToGPU(dataId);
    return backend.tensorMap.get(dataId).resource as WebGpuBuffer;
  });
  for (const name of Object.keys(program.outputs)) {
    // What was read of it before is old now.
    backend.tensorMap.get((tensors[name] as tf.TensorInfo).dataId).values = null;
  }
  const uniforms = uniformBuffer(backend, program, params);
  const { pipeline, layout } = pipelineOf(backend.device, program);
  const group = backend.device.createBindGroup({
    layout,
    entries: [...buffers, uniforms].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  for (const { dataId } of bound) backend.commandQueueOwnedIds.add(dataId);
  backend.ensureCommandEncoderReady();
  backend.computePassEncoder ??= backend.commandEncoder.beginComputePass();
  const pass = backend.computePassEncoder;
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  const most = backend.device.limits.maxComputeWorkgroupsPerDimension;
  const x = Math.min(groups, most);
  pass.dispatchWorkgroups(x, Math.ceil(groups / x), 1);
  backend.dispatchCountInPass++;
  if (backend.dispatchCountInPass >= tf.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE')) {
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
}

function uniformBuffer(
  backend: WebGpuBackend,
  program: WebGpuProgram,
  params: Readonly<Record<string, number>>,
): WebGpuBuffer {
  const entries = Object.entries(program.params);
  const data = new DataView(new ArrayBuffer(Math.max(16, Math.ceil((4 * entries.length) / 16) * 16)));
  entries.forEach(([name, type], i) => {
    const value = params[name] as number;
    if (type === 'f32') data.setFloat32(4 * i, value, true);
    else if (type === 'i32') data.setInt32(4 * i, value, true);
    else data.setUint32(4 * i, value, true);
  });
  const buffer = backend.bufferManager.acquireBuffer(data.byteLength, UNIFORM_USAGE);
  backend.queue.writeBuffer(buffer, 0, data.buffer as ArrayBuffer);
  backend.uniformPendingDisposal.push(buffer);
  return buffer;
}

function pipelineOf(device: WebGpuDevice, program: WebGpuProgram): Pipeline {
  const known = pipelines.get(device) ?? new Map<string, Pipeline>();
  pipelines.set(device, known);
  const found = known.get(program.name);
  if (found) return found;
  const inputs = Object.keys(program.inputs).length;
  const outputs = Object.keys(program.outputs).length;
  const kinds = [
    ...new Array<string>(inputs).fill('read-only-storage'),
    ...new Array<string>(outputs).fill('storage'),
    'uniform',
  ];
  const layout = device.createBindGroupLayout({
    entries: kinds.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } })),
  });
  const made = {
    layout,
    pipeline: device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: device.createShaderModule({ code: shaderOf(program), label: program.name }),
        entryPoint: 'run',
      },
    }),
  };
  known.set(program.name, made);
  return made;
}

/** The whole WGSL of a program. */
export function shaderOf({ inputs, outputs, params, workgroup, source }: WebGpuProgram): string {
  const arrays = [
    ...Object.entries(inputs).map(([name, type]) => `var<storage, read> ${name}: array<${type}>;`),
    ...Object.entries(outputs).map(([name, type]) => `var<storage, read_write> ${name}: array<${type}>;`),
  ].map((declared, binding) => `@group(0) @binding(${binding}) ${declared}`);
  const fields = Object.entries(params).map(([name, type]) => `${name}: ${type},`);
  return [
    ...arrays,
    `struct Params { ${fields.join(' ') || 'none: u32,'} }`,
    `@group(0) @binding(${arrays.length}) var<uniform> params: Params;`,
    source,
    `@compute @workgroup_size(${workgroup})`,
    'fn run(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,',
    '       @builtin(local_invocation_index) lane: u32) {',
    '  main(id.x + id.y * count.x, lane);',
    '}',
  ].join('\n');
}
