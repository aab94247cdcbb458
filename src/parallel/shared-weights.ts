import type * as tf from '@tensorflow/tfjs';
import { readInto } from '../backends/host-memory.js';
import { BicotError } from '../errors.js';
import type { TaskWeights, WeightEntry, WeightSet } from './protocol.js';

/** Tensors by the names of `policy.variables`. */
export type NamedTensors = Readonly<Record<string, tf.Tensor>>;

/** Weights that all workers read: one copy of them, whatever the number of workers. */
export interface SharedWeights {
  readonly layout: readonly WeightEntry[];
  /** The region of a set as it is now; undefined before its first publication. */
  readonly current: (set: WeightSet) => TaskWeights | undefined;
  /** Whether other values than these were published last. Compares identities, and reads nothing. */
  readonly differs: (set: WeightSet, tensors: NamedTensors) => boolean;
  /** Writes values. No worker may be at work. */
  readonly publish: (set: WeightSet, tensors: NamedTensors) => Promise<void>;
}

/**
 * Where each variable lies.
 * @throws BicotError `unsupported` for a variable that is not float32
 */
export function weightLayout(variables: NamedTensors): WeightEntry[] {
  let offset = 0;
  return Object.entries(variables).map(([name, { shape, size, dtype }]) => {
    if (dtype !== 'float32') {
      throw new BicotError(
        'unsupported',
        `parallel: the variable '${name}' has dtype ${dtype}; workers share float32 variables only. Leave it out of policy.variables if it is not trained.`,
      );
    }
    const entry = { name, shape: [...shape], offset, size };
    offset += size;
    return entry;
  });
}

/** New shared memory for all variables of a layout. */
export function layoutMemory(layout: readonly WeightEntry[]): SharedArrayBuffer {
  const size = layout.reduce((sum, entry) => sum + entry.size, 0);
  return new SharedArrayBuffer(size * Float32Array.BYTES_PER_ELEMENT);
}

/**
 * Memory for the weights of a policy and of its reference.
 * @throws BicotError `unsupported` where memory can't be shared
 */
export function sharedWeights(variables: NamedTensors): SharedWeights {
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new BicotError(
      'unsupported',
      'parallel: there is no SharedArrayBuffer, through which workers get the weights. A page has it if it is cross-origin isolated: serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    );
  }
  const layout = weightLayout(variables);
  const published: { [Set in WeightSet]?: { weights: TaskWeights; data: readonly object[] } } = {};
  const dataOf = (tensors: NamedTensors) => layout.map(({ name }) => (tensors[name] as tf.Tensor).dataId);
  return {
    layout,
    current: (set) => published[set]?.weights,
    differs: (set, tensors) => {
      const known = published[set]?.data;
      return known === undefined || dataOf(tensors).some((data, i) => data !== known[i]);
    },
    async publish(set, tensors) {
      const { buffer, version } = published[set]?.weights ?? {
        buffer: layoutMemory(layout),
        version: 0,
      };
      // Before the values are read: a change meanwhile is then noticed.
      const data = dataOf(tensors);
      const shared = new Float32Array(buffer);
      for (const { name, offset, size } of layout) {
        await readInto(tensors[name] as tf.Tensor, shared.subarray(offset, offset + size));
      }
      published[set] = { weights: { set, buffer, version: version + 1 }, data };
    },
  };
}
