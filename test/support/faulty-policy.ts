import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs';
import { type TabularPolicy, tabularPolicy } from './tabular-policy.js';

/** What a faulty policy does in workers, when it computes. */
export interface Fault {
  /** Ends the thread. */
  readonly exits?: boolean;
  /** Logits are NaN. */
  readonly nan?: boolean;
  /** A file that counts how often. */
  readonly log: string;
  /** The most times; default always. */
  readonly times?: number;
}

/** A tabular policy that has a fault in workers only. Sampling recomputes, so that everything goes through `logits`. */
export function faultyPolicy(fault: Fault): TabularPolicy {
  const policy = tabularPolicy({ decoding: false });
  const { logits } = policy;
  return Object.assign(policy, {
    recipe: { module: import.meta.url, name: 'faultyPolicy', args: [fault] },
    logits: ((...args) => {
      if (isMainThread || countOf(fault) >= (fault.times ?? Number.POSITIVE_INFINITY)) return logits(...args);
      appendFileSync(fault.log, 'x');
      if (fault.exits) process.exit(3);
      return tf.tidy(() => tf.mul(logits(...args), fault.nan ? Number.NaN : 1) as tf.Tensor3D);
    }) as typeof logits,
  });
}

/** How often the fault has shown. */
export function countOf({ log }: Fault): number {
  return existsSync(log) ? readFileSync(log, 'utf8').length : 0;
}

/** As a recipe of nothing useful. */
export function noPolicy(): TabularPolicy {
  throw new TypeError('this recipe fails');
}
