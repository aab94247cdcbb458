import * as tf from '@tensorflow/tfjs';
import { backendTraits } from '../../backends/traits.js';
import { BicotError, reasonOf } from '../../errors.js';
import {
  currentKernels,
  type KernelChoice,
  kernelSetting,
  loadKernels,
  setKernels,
} from '../../kernels/choice.js';
import { assertKnownOptions } from '../../options.js';
import {
  type CheckResult,
  type ConformanceReport,
  error,
  type Measured,
  note,
  ok,
  reportOf,
  warning,
} from '../check-result.js';
import type { BackendCase, BackendCheckKind, Referee } from './backend-case.js';
import { decoderCases } from './decoding.js';
import { kernelCases } from './kernels.js';
import { lossCases } from './losses.js';
import { tfjsCases } from './operations/all.js';
import { refereeOf, withRefusals } from './referee.js';
import { samplerCases } from './sampling.js';
import { trainingCases } from './training-step.js';
import { vqCases } from './vq.js';

/** What one case of `checkBackend` found. */
export interface BackendCheck extends CheckResult {
  /** What the case is about: one operation, a gradient, a whole training step. */
  readonly kind: BackendCheckKind;
  /** The largest error that is allowed. */
  readonly tolerance: number;
  /** What was measured: the largest error over the largest magnitude, if the case says nothing else; `null` if skipped or thrown. */
  readonly error: number | null;
  /** Why nothing was measured. */
  readonly skipped?: string;
}

/** What `checkBackend` found; `formatReport` makes text of it. */
export interface BackendReport extends ConformanceReport<BackendCheck> {
  /** What TensorFlow.js calls the backend. */
  readonly backend: string;
  /** Version of TensorFlow.js. */
  readonly tfjs: string;
  /** Kernels that were examined. */
  readonly kernels: readonly KernelChoice[];
}

/** How far `checkBackend` has come. */
export interface BackendProgress {
  /** Cases that were examined, this one included. */
  readonly done: number;
  /** Cases to be examined. */
  readonly total: number;
  /** The case that was just examined. */
  readonly check: BackendCheck;
}

/** Options of `checkBackend`. */
export interface CheckBackendOptions {
  /** Only these kinds of cases. Default: all. */
  readonly kinds?: readonly BackendCheckKind[];
  /** Stops between two cases, with an error of code `aborted`. */
  readonly signal?: AbortSignal;
  /** Called after every case. */
  readonly onProgress?: (progress: BackendProgress) => void;
}

const KINDS: readonly string[] = [
  'op',
  'gradient',
  'kernel',
  'sampler',
  'loss',
  'decoder',
  'vq',
  'training step',
] satisfies BackendCheckKind[];

/** What to do about a case that has no advice of its own. */
const ADVICE: Readonly<Record<BackendCheckKind, string>> = {
  op: 'Update the backend and its driver; until then use another backend, or avoid this operation in your own models.',
  gradient: 'Do not train on this backend until it is right: update it and its driver, or use another.',
  kernel: "Call setKernels('composed') if only fused kernels are wrong; else use another backend.",
  sampler: 'Do not sample on this backend; use another.',
  loss: 'Do not train on this backend: look at the operations that are wrong above, or use another.',
  decoder: 'Look at the operations and kernels that are wrong above, or use another backend.',
  vq: 'Pictures may be wrong: look at the operations that are wrong above, or decode on another backend.',
  'training step': 'Do not train on this backend: look at what is wrong above, or use another.',
};

/**
 * Every case, in the order they are examined.
 * @param choices kernels to examine
 */
export function backendCases(choices: readonly KernelChoice[]): BackendCase[] {
  return [
    ...tfjsCases(),
    ...kernelCases(choices),
    ...samplerCases(choices),
    ...lossCases(),
    ...decoderCases(choices),
    ...vqCases(),
    ...trainingCases(choices),
  ];
}

/**
 * Examines the present backend of TensorFlow.js: every operation that bicot uses, forward and backward, its kernels (fused
 * ones, where the backend has them, and composed ones), the sampler, losses, a transformer, a decoder of image tokens and a
 * whole training step. Results are compared with float64 on the host, or else with TensorFlow.js's plain `cpu` backend in
 * the same process; what can only be compared with that is skipped on it. It takes some seconds, on WebGPU in software a
 * few minutes.
 *
 * The backend is switched back and forth meanwhile: do nothing else with TensorFlow.js until the promise settles. Backend
 * and kernels are then as they were, and no tensor is left but what TensorFlow.js leaves of an operation that throws.
 * @throws BicotError `value` for options that make no sense, `aborted`, or `backend` if a backend can't be switched to; a
 * backend that computes wrongly is reported, not thrown
 */
export async function checkBackend(options: CheckBackendOptions = {}): Promise<BackendReport> {
  assertKnownOptions('checkBackend', options, ['kinds', 'signal', 'onProgress']);
  const { kinds, signal, onProgress } = options;
  assertKinds(kinds);
  await tf.ready();
  await loadKernels();
  const backend = backendTraits().name;
  const before = kernelSetting();
  const kernels: readonly KernelChoice[] = currentKernels().available ? ['fused', 'composed'] : ['composed'];
  const cases = backendCases(kernels).filter(({ kind }) => kinds?.includes(kind) ?? true);
  const referee = refereeOf(backend);
  const checks: BackendCheck[] = [];
  try {
    for (const each of cases) {
      if (signal?.aborted) {
        throw new BicotError(
          'aborted',
          `checkBackend was aborted after ${checks.length} of ${cases.length} cases.`,
          {
            cause: signal.reason,
          },
        );
      }
      setKernels(each.kernels ?? 'composed', before[1]);
      const check = await examine(each, referee);
      checks.push(check);
      onProgress?.({ done: checks.length, total: cases.length, check });
    }
  } finally {
    setKernels(...before);
  }
  return { ...reportOf(checks), backend, tfjs: tf.version['tfjs-core'], kernels };
}

function assertKinds(kinds: unknown): void {
  if (kinds === undefined) return;
  if (Array.isArray(kinds) && kinds.length > 0 && kinds.every((kind) => KINDS.includes(kind))) return;
  throw new BicotError(
    'value',
    `checkBackend: kinds is ${JSON.stringify(kinds)}, but must be a list of ${KINDS.map((kind) => `'${kind}'`).join(', ')}. Leave it out for all.`,
  );
}

async function examine(each: BackendCase, referee: Referee): Promise<BackendCheck> {
  const { name, kind, tolerance, unused = false, advice = ADVICE[each.kind] } = each;
  const found = (measured: Measured, measuredError: number | null, skipped?: string): BackendCheck => ({
    ...{ check: name, passed: measured.level !== 'error', ...measured },
    ...{ kind, tolerance, error: measuredError, ...(skipped !== undefined && { skipped }) },
  });
  const wrong = (detail: string): Measured => {
    const why = unused ? `${detail}; bicot does not use it` : detail;
    return unused ? warning(why, advice) : error(why, advice);
  };
  try {
    const { result, refused } = await withRefusals(() => each.measure(referee));
    if (refused !== undefined)
      return found(wrong(`the device refused a command: ${firstLine(refused)}`), null);
    if ('skipped' in result) return found(note(`skipped: ${result.skipped}`), null, result.skipped);
    const gap = `error ${result.error === 0 ? '0' : result.error.toExponential(1)} (allowed ${tolerance === 0 ? '0' : tolerance.toExponential()})`;
    const detail = result.detail === undefined ? gap : `${gap}: ${result.detail}`;
    return found(result.error <= tolerance ? ok(detail) : wrong(detail), result.error);
  } catch (thrown) {
    if (thrown instanceof BicotError && thrown.code === 'backend') throw thrown;
    return found(wrong(`threw: ${firstLine(reasonOf(thrown))}`), null);
  }
}

const firstLine = (text: string): string => text.trim().split('\n')[0] as string;
