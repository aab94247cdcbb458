import * as tf from '@tensorflow/tfjs';
import * as bicot from 'bicot';
import type { Skipped } from './hosts/protocol.js';

// The one place that knows which kernels and how many workers this version of bicot has. Benchmarks see names.

/** One way to run bicot. */
export interface BicotVariant {
  readonly name: string;
  readonly kernels: 'composed' | 'fused';
  /** Fused multiply-add, where the machine has it: faster, but last bits differ between machines. */
  readonly fma: boolean;
  readonly workers: number;
}

type SetKernels = (kernels: BicotVariant['kernels'], options?: { fma?: boolean }) => unknown;
type TokenPolicy = bicot.Policy<bicot.TokenContext>;

/** Threads with copies of a policy. */
interface Pool {
  sample(policy: TokenPolicy, request: bicot.SampleRequest<bicot.TokenContext>): Promise<bicot.Completions>;
  dispose(): Promise<void>;
}

/** How many threads, and the most rows that one samples at once. */
interface PoolOptions {
  readonly workers: number;
  readonly rowsPerTask: number;
}

/** Exports that a version may lack. */
const { setKernels, workerPool } = bicot as unknown as {
  setKernels?: SetKernels;
  workerPool?: (policy: TokenPolicy, options: PoolOptions) => Promise<Pool>;
};

const KERNELS = [
  { name: 'bicot, composed kernels', kernels: 'composed', fma: false },
  { name: 'bicot, fused kernels', kernels: 'fused', fma: false },
  { name: 'bicot, fused kernels with FMA', kernels: 'fused', fma: true },
] as const;

/** Every variant of the present backend, whether this version has it or not. */
function allVariants(workers: readonly number[]): BicotVariant[] {
  // Fused multiply-add is a build of the kernels for wasm.
  const kinds = KERNELS.filter(({ fma }) => !fma || tf.getBackend() === 'wasm');
  return workers.flatMap((count) =>
    kinds.map(({ name, ...kernels }) => ({
      ...kernels,
      name: count === 1 ? name : `${name}, ${count} workers`,
      workers: count,
    })),
  );
}

/** Why a variant can't be run here; nothing if it can. */
async function obstacle(variant: BicotVariant): Promise<string | undefined> {
  if (variant.kernels === 'fused' && !setKernels) return 'this version of bicot has no fused kernels';
  if (variant.workers > 1 && !workerPool) return 'this version of bicot has no workers';
  try {
    await useKernels(variant);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The variants that can be run, once a backend is ready. */
export async function bicotVariants(
  workers: readonly number[],
): Promise<{ readonly variants: BicotVariant[]; readonly skipped: Skipped[] }> {
  const variants: BicotVariant[] = [];
  const skipped: Skipped[] = [];
  for (const variant of allVariants(workers)) {
    const reason = await obstacle(variant);
    if (reason === undefined) variants.push(variant);
    else skipped.push({ name: variant.name, reason });
  }
  return { variants, skipped };
}

/** Makes a variant's kernels the current ones. */
export async function useKernels({ kernels, fma }: Pick<BicotVariant, 'kernels' | 'fma'>): Promise<void> {
  await setKernels?.(kernels, kernels === 'fused' ? { fma } : {});
}

/** Rows for one of several workers, so that each has its share. */
const shareOf = (rows: number, workers: number): number => Math.ceil(rows / workers);

/** What `train` is told about how to compute. @param rows N */
export function trainOptions({ workers }: BicotVariant, rows: number, microBatch: number): object {
  if (workers === 1) return { microBatch };
  const share = shareOf(rows, workers);
  return { microBatch: Math.min(microBatch, share), parallel: { workers, rowsPerTask: share } };
}

/** Samples with a policy. */
export interface Sampler {
  sample(request: bicot.SampleRequest<bicot.TokenContext>): Promise<bicot.Completions>;
  dispose(): void | Promise<void>;
}

/** How a variant samples; more than one worker shares the rows out. @param rows N */
export async function createSampler(
  policy: TokenPolicy,
  { workers }: BicotVariant,
  rows: number,
): Promise<Sampler> {
  if (workers === 1 || !workerPool) {
    return { sample: (request) => bicot.sampleCompletions(policy, request), dispose() {} };
  }
  const pool = await workerPool(policy, { workers, rowsPerTask: shareOf(rows, workers) });
  return { sample: (request) => pool.sample(policy, request), dispose: () => pool.dispose() };
}
