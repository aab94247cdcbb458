import * as tf from '@tensorflow/tfjs';
import { tokenBatch } from '../../policy/tokens.js';
import { error, type Measured, ok } from '../finding.js';
import type { Subject } from './subject.js';

/** Nothing is left behind. */
export async function checkLeaks<Context>(subject: Subject<Context>): Promise<Measured> {
  const parts = Object.entries(usesOf(subject));
  // What a first use leaves behind may be a cache.
  for (const [, use] of parts) await attempt(use);
  const leaks: string[] = [];
  for (const [name, use] of parts) {
    const before = tf.memory().numTensors;
    await attempt(use);
    const left = tf.memory().numTensors - before;
    if (left > 0) leaks.push(`${left} by ${name}`);
  }
  return leaks.length === 0
    ? ok('no tensors left behind')
    : error(`tensors left behind by one call: ${leaks.join(', ')}`);
}

/** What throws has a check of its own that says so. */
async function attempt(use: () => void | Promise<void>): Promise<void> {
  try {
    await use();
  } catch {}
}

function usesOf<Context>(subject: Subject<Context>): Record<string, () => void | Promise<void>> {
  const { policy, contexts, completion, space, tokens } = subject;
  return {
    logits: () => policy.logits(contexts, completion, space).dispose(),
    ...(policy.logProbs && {
      logProbs: () => void policy.logProbs?.(contexts, completion, space, 1).dispose(),
    }),
    ...(policy.startDecoding && {
      'a session': () => {
        const maxTokens = Math.min(2, completion.width);
        const session = policy.startDecoding?.(contexts, space, { samplesPerContext: 1, maxTokens });
        session?.next().dispose();
        if (maxTokens > 1) session?.next(new Int32Array(completion.rows)).dispose();
        session?.dispose();
      },
    }),
    ...(tokens.kind === 'image' &&
      tokens.decode && {
        decode: async () => {
          await tokens.decode?.(tokenBatch([new Int32Array(tokens.length)]));
        },
      }),
  };
}
