import * as tf from '@tensorflow/tfjs';
import type { KernelChoice } from '../../kernels/choice.js';
import type { TransformerPolicy } from '../../models/transformer/transformer.js';
import { completionLogProbs, type ScoredBatch } from '../../policy/log-probs.js';
import type { TokenContext } from '../../policy/policy.js';
import { tokenBatch, tokenMask } from '../../policy/tokens.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { uniformStream } from '../../tensor/noise.js';
import { lossGradients } from '../../train/gradients.js';
import { type BackendCase, IS_REFERENCE, type Values } from './backend-case.js';
import { CONTEXTS, withModel } from './tiny-model.js';
import { largestError, readAll } from './values.js';

/** How far log-probs may be off, and their gradients. */
export const LOG_PROB_TOLERANCE = 1e-4;
export const LOG_PROB_GRADIENT_TOLERANCE = 1e-3;

const COMPLETIONS = {
  text: [[4, 7, 2], [9, 9, 5, 0, 2], [2], [6, 3, 10, 2]],
  image: [
    [0, 12, 5, 5, 3, 22],
    [11, 1, 2, 3, 4, 10],
    [7, 7],
    [9, 0, 6, 12],
  ],
} as const;

type Space = keyof typeof COMPLETIONS;
const SPACES: readonly Space[] = ['text', 'image'];

const batchOf = (space: Space): ScoredBatch<TokenContext> => ({
  ...{ contexts: CONTEXTS, space },
  completion: tokenBatch(COMPLETIONS[space]),
});

const GUIDANCE = { temperature: 0.8, guidance: { scale: 2 } };

function logProbs(model: TransformerPolicy): Promise<Values> {
  const plain = SPACES.map((space) => completionLogProbs(model, batchOf(space)));
  return readAll([...plain, completionLogProbs(model, batchOf('image'), GUIDANCE)]);
}

/** Of the sum of all log-probs, by every variable. */
async function gradients(model: TransformerPolicy): Promise<Values> {
  const { loss, gradients } = lossGradients(
    () =>
      SPACES.map((space) => tf.sum(completionLogProbs(model, batchOf(space)))).reduce((a, b) =>
        tf.add(a, b),
      ) as tf.Scalar,
    model.variables,
  );
  return readAll([
    loss,
    ...Object.keys(gradients)
      .sort()
      .map((name) => gradients[name] as tf.Tensor),
  ]);
}

function comparison(
  name: string,
  tolerance: number,
  kernels: KernelChoice,
  compute: (model: TransformerPolicy) => Promise<Values>,
): BackendCase {
  return {
    ...{ name: `${name}, ${kernels}`, kind: 'decoder', tolerance, kernels },
    measure: async ({ isReference, onReference }) => {
      if (isReference) return IS_REFERENCE;
      const got = await withModel(compute);
      return { error: largestError(got, await onReference(() => withModel(compute))) };
    },
  };
}

/** Log-probs recorded while decoding with a cache are those of the whole sequence at once. */
function cacheCase(space: Space, kernels: KernelChoice): BackendCase {
  const name = `decoding ${space} with a cache equals teacher forcing, ${kernels}`;
  return {
    ...{ name, kind: 'decoder', tolerance: LOG_PROB_TOLERANCE, kernels },
    measure: () =>
      withModel(async (model) => {
        const { completion, behaviourLogProbs } = await sampleCompletions(model, {
          ...{ contexts: CONTEXTS, samplesPerContext: 3, space, sampling: { maxTokens: 6, ...GUIDANCE } },
          streams: (row) => uniformStream('checkBackend', 'cache', space, row),
        });
        const contexts = CONTEXTS.flatMap((context) => [context, context, context]);
        const [scored] = await readAll([
          completionLogProbs(model, { contexts, completion, space }, GUIDANCE),
        ]);
        const valid = tokenMask(completion);
        return {
          error: largestError(
            [behaviourLogProbs],
            [scored as number[]].map((row) => Array.from(row, (value, i) => value * (valid[i] as number))),
          ),
        };
      }),
  };
}

/** The transformer that bicot ships, in miniature. */
export function decoderCases(choices: readonly KernelChoice[]): BackendCase[] {
  return choices.flatMap((kernels) => [
    comparison('teacher-forced log-probs', LOG_PROB_TOLERANCE, kernels, logProbs),
    comparison('gradients of log-probs', LOG_PROB_GRADIENT_TOLERANCE, kernels, gradients),
    ...SPACES.map((space) => cacheCase(space, kernels)),
  ]);
}
