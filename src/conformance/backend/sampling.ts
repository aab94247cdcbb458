import * as tf from '@tensorflow/tfjs';
import type { KernelChoice } from '../../kernels/choice.js';
import type { TransformerPolicy } from '../../models/transformer/transformer.js';
import { isGuided, type SamplingOptions } from '../../policy/distribution.js';
import type { TokenContext } from '../../policy/policy.js';
import { tokenRow } from '../../policy/tokens.js';
import { tokenDrawer } from '../../sampling/draw.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { uniformStream } from '../../tensor/noise.js';
import { type BackendCase, IS_REFERENCE } from './backend-case.js';
import { compareTokens, drawExactly, guidedLogits, type SampledRows, samplingMargins } from './margin.js';
import { VALUE_TOLERANCE } from './operation.js';
import { CONTEXTS, withModel } from './tiny-model.js';
import { floats } from './values.js';

/** Two backends may draw different tokens where the uniform number is so near to both. */
export const MARGIN = 1e-3;

const ADVICE =
  'Do not train on this backend: samples are not what the policy says. Switch fused kernels off (setKernels), or use another backend.';

const GROUP = 6;

/** Samples of one context, which must differ from each other and within themselves. */
function groupCase(kernels: KernelChoice): BackendCase {
  return {
    ...{ name: `a group of one prompt, ${kernels}`, kind: 'sampler', kernels, tolerance: 0, advice: ADVICE },
    measure: () =>
      withModel(async (model) => {
        const { completion } = await sampleCompletions(model, {
          ...{ contexts: CONTEXTS.slice(0, 1), samplesPerContext: GROUP, space: 'image', sampling: {} },
          streams: (row) => uniformStream('checkBackend', 'group', row),
        });
        const rows = Array.from({ length: GROUP }, (_, row) => tokenRow(completion, row));
        const repeated = GROUP - new Set(rows.map((row) => row.join())).size;
        const constant = rows.filter((row) => new Set(row).size === 1).length;
        return {
          error: repeated + constant,
          detail: `${GROUP} rows, of which ${repeated} repeat another and ${constant} are one token all along`,
        };
      }),
  };
}

/** Tokens drawn from given logits, beside float64. */
function drawCase(label: string, sampling: SamplingOptions, kernels: KernelChoice): BackendCase {
  const [rows, vocabulary] = [40, 503];
  const guided = isGuided(sampling.guidance);
  return {
    ...{ name: `tokens drawn ${label}, ${kernels}`, kind: 'sampler', kernels, tolerance: VALUE_TOLERANCE },
    advice: ADVICE,
    measure: async () => {
      const { values } = floats('draw', [guided ? 2 * rows : rows, vocabulary], (x) => 3 * x);
      const stream = uniformStream('checkBackend', 'draw');
      const uniforms = Float64Array.from({ length: rows }, () => stream());
      const logits = tf.tensor2d(values.slice(), [values.length / vocabulary, vocabulary]);
      try {
        const drawn = await tokenDrawer(vocabulary, sampling, guided)(logits, uniforms);
        let worst = 0;
        for (let row = 0; row < rows; row++) {
          const branch = (at: number) => values.subarray(at * vocabulary, (at + 1) * vocabulary);
          const mixed = guidedLogits(branch(row), guided ? branch(rows + row) : undefined, sampling);
          const expected = drawExactly(mixed, uniforms[row] as number, sampling.temperature);
          if (drawn.ids[row] !== expected.id) {
            // Rounding may decide; an error of a whole token may not.
            if (expected.margin > VALUE_TOLERANCE) worst = Number.POSITIVE_INFINITY;
            continue;
          }
          const [logProb, entropy] = [drawn.logProbs[row] as number, drawn.entropies[row] as number];
          worst = Math.max(
            worst,
            Math.abs(logProb - expected.logProb) / Math.max(1, Math.abs(expected.logProb)),
          );
          worst = Math.max(worst, Math.abs(entropy - expected.entropy) / Math.max(1, expected.entropy));
        }
        return { error: worst };
      } finally {
        logits.dispose();
      }
    },
  };
}

const PROMPTS = 20;
const CONTEXTS_OF_PROMPTS: readonly TokenContext[] = Array.from({ length: PROMPTS }, (_, i) => ({
  ids: Int32Array.from([1, ...Array.from({ length: 1 + (i % 4) }, (_, p) => 4 + ((3 * i + 5 * p) % 13))]),
}));

/** Some tokens of each prompt, guided and tempered. */
async function sampledPrompts(model: TransformerPolicy, space: string): Promise<SampledRows<TokenContext>> {
  const request = {
    ...{ contexts: CONTEXTS_OF_PROMPTS, samplesPerContext: 1, space },
    sampling: { maxTokens: 6, temperature: 0.8, guidance: { scale: 1.5 } },
    streams: (row: number) => uniformStream('checkBackend', 'prompts', space, row),
  };
  const { completion } = await sampleCompletions(model, request);
  return { ...request, completion };
}

/** The same uniform numbers draw the tokens that the reference draws. */
function agreementCase(space: string, kernels: KernelChoice): BackendCase {
  const name = `${space} of ${PROMPTS} prompts, ${kernels}`;
  return {
    ...{ name, kind: 'sampler', kernels, tolerance: MARGIN, advice: ADVICE },
    measure: async ({ isReference, onReference }) => {
      if (isReference) return IS_REFERENCE;
      const got = await withModel((model) => sampledPrompts(model, space));
      const [expected, margins] = await onReference(() =>
        withModel(async (model) => {
          const sampled = await sampledPrompts(model, space);
          return [sampled.completion, await samplingMargins(model, sampled)] as const;
        }),
      );
      const { same, margin } = compareTokens(got.completion, expected, margins);
      const where =
        same === PROMPTS
          ? ''
          : `; the others part where the sampling margin is ${margin.toExponential(1)} or less`;
      return { error: margin, detail: `${same} of ${PROMPTS} are the same, token for token${where}` };
    },
  };
}

/** The sampler, from a distribution to whole completions. */
export function samplerCases(choices: readonly KernelChoice[]): BackendCase[] {
  return choices.flatMap((kernels) => [
    groupCase(kernels),
    drawCase('as they are', {}, kernels),
    drawCase('at temperature 0.7', { temperature: 0.7 }, kernels),
    drawCase('with guidance 3', { guidance: { scale: 3 } }, kernels),
    agreementCase('text', kernels),
    agreementCase('image', kernels),
  ]);
}
