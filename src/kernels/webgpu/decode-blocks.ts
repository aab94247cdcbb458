import type * as tf from '@tensorflow/tfjs';
import { BLOCK_INPUTS, DECODE_BLOCKS, SHARED_CACHE_INPUTS } from '../fused/decode-blocks.js';
import type { CacheSizes } from '../fused/key-value-cache.js';
import { multiplyFewRows } from './few-rows-product.js';
import type { Gpu, WebGpuKernel } from './kernel.js';
import { attend, stepTables } from './key-value-cache.js';

type Attributes = CacheSizes & Readonly<Record<'blocks' | 'hidden' | 'vocabulary' | 'epsilon', number>>;

/** Tensors of a block, in the order of the inputs. */
const BLOCK_NAMES = [
  ...['attentionNorm', 'mlpNorm', 'query', 'key', 'value', 'output', 'gate', 'up', 'down'],
  ...['contextKeys', 'contextValues', 'keys', 'values'],
] as const;

/**
 * A token through a whole decoder in five programs a block, and two more: norms are part of the product that reads them, the
 * gate and the residual of the one that they follow.
 */
export const DECODE_BLOCKS_KERNELS: readonly WebGpuKernel[] = [
  {
    name: DECODE_BLOCKS,
    compute: (gpu, inputs, attributes) => {
      const sizes = attributes as Attributes;
      const tensors = inputs as unknown as readonly tf.TensorInfo[];
      const [x, finalNorm, head] = tensors as readonly [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
      const shared = Object.fromEntries(
        SHARED_CACHE_INPUTS.map((name, i) => [name, tensors[3 + i] as tf.TensorInfo]),
      );
      const step = stepTables(gpu, shared, sizes);
      const scratch = scratchFor(gpu, x, sizes.hidden);
      let stream = x;
      for (let i = 0; i < sizes.blocks; i++) {
        const first = 3 + SHARED_CACHE_INPUTS.length + i * BLOCK_INPUTS;
        stream = runBlock(gpu, {
          stream,
          step,
          sizes,
          scratch,
          block: tensors.slice(first, first + BLOCK_INPUTS),
        });
      }
      const logits = gpu.output([x.shape[0] as number, sizes.vocabulary]);
      multiplyFewRows(gpu, {
        ...{ kind: 'apart', x: stream, norm: { gain: finalNorm, epsilon: sizes.epsilon } },
        ...{ matrices: [head], columns: [sizes.vocabulary], outs: [logits] },
      });
      for (const made of [...Object.values(step), ...Object.values(scratch)]) gpu.dispose(made);
      return logits;
    },
  },
];

/** What lies between the programs, the same for all blocks. */
interface Scratch extends Readonly<Record<string, tf.TensorInfo>> {
  /** `[3, n, d]` */
  readonly qkv: tf.TensorInfo;
  readonly mixed: tf.TensorInfo;
  /** After the attention, `[n, d]`. */
  readonly between: tf.TensorInfo;
  /** After a block, `[n, d]`. */
  readonly after: tf.TensorInfo;
  readonly gated: tf.TensorInfo;
}

function scratchFor({ output }: Gpu, { shape }: tf.TensorInfo, hidden: number): Scratch {
  return {
    ...{ qkv: output([3, ...shape]), mixed: output(shape), between: output(shape), after: output(shape) },
    gated: output([shape[0] as number, hidden]),
  };
}

/** One block: the stream after it, which is `scratch.after`. */
function runBlock(
  gpu: Gpu,
  {
    stream,
    step,
    sizes,
    scratch,
    block,
  }: {
    readonly stream: tf.TensorInfo;
    readonly step: ReturnType<typeof stepTables>;
    readonly sizes: Attributes;
    readonly scratch: Scratch;
    readonly block: readonly tf.TensorInfo[];
  },
): tf.TensorInfo {
  const named = Object.fromEntries(BLOCK_NAMES.map((name, i) => [name, block[i]])) as Readonly<
    Record<(typeof BLOCK_NAMES)[number], tf.TensorInfo>
  >;
  const { attentionNorm, mlpNorm, query, key, value, output, gate, up, down, ...cache } = named;
  const { qkv, mixed, between, after, gated } = scratch;
  const { epsilon, hidden } = sizes;
  const width = stream.shape[1] as number;
  multiplyFewRows(gpu, {
    ...{ kind: 'joined', x: stream, norm: { gain: attentionNorm, epsilon }, outs: [qkv] },
    ...{ matrices: [query, key, value], columns: [width, width, width] },
  });
  attend(gpu, { qkv, mixed, ...cache }, step, sizes);
  multiplyFewRows(gpu, {
    ...{ kind: 'added', x: mixed, residual: stream, outs: [between] },
    ...{ matrices: [output], columns: [width] },
  });
  multiplyFewRows(gpu, {
    ...{ kind: 'gated', x: between, norm: { gain: mlpNorm, epsilon }, outs: [gated] },
    ...{ matrices: [gate, up], columns: [hidden, hidden] },
  });
  multiplyFewRows(gpu, {
    ...{ kind: 'added', x: gated, residual: between, outs: [after] },
    ...{ matrices: [down], columns: [width] },
  });
  return after;
}
