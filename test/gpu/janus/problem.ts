import { type UniformStream, uniformInteger, uniformStream } from 'bicot';
import { TINY_JANUS } from '../../support/tiny-janus.js';
import type { JanusSize } from './sizes.js';

/** A step of GRPO, for every implementation the same: one prompt, G samples, plan and image. */
export interface JanusProblem {
  readonly size: JanusSize;
  /** Ids with a meaning, of the tokenizer that the synthetic checkpoint has. */
  readonly tokens: {
    readonly begin: number;
    readonly end: number;
    readonly pad: number;
    readonly beginImage: number;
  };
  /** What plans are conditioned on. */
  readonly prompt: readonly number[];
  /** What images are conditioned on before the plan and begin-of-image. */
  readonly request: readonly number[];
  /** A rollout that is given, to compare what is computed of it; `[G]` each. */
  readonly given: {
    readonly plans: readonly (readonly number[])[];
    readonly images: readonly (readonly number[])[];
  };
  /** The log-prob that every token of a given plan would have been sampled with; images' are the policy's own. */
  readonly planLogProb: number;
  /** The reward of the g-th sample is g. */
  readonly guidance: number;
  readonly klWeight: number;
  readonly learningRate: number;
  readonly maxGradNorm: number;
  /** B of the adapters is so much smaller than a matrix of its shape, so that policy and reference differ by little. */
  readonly adapterScale: number;
  /** Samples in one backward pass. */
  readonly microBatch: number;
}

/** The problem of a size. Always the same one. */
export function janusProblem(size: JanusSize, microBatch: number): JanusProblem {
  const stream = uniformStream('gpu', 'janus');
  const { bos: begin, eos: end, pad, beginImage } = TINY_JANUS.ids;
  const each = <T>(make: () => T): T[] => Array.from({ length: size.group }, make);
  return {
    ...{ size, microBatch },
    tokens: { begin, end, pad, beginImage },
    prompt: [begin, ...words(size.promptTokens - 1, size.vocabulary, stream)],
    request: [begin, ...words(size.requestTokens - 1, size.vocabulary, stream)],
    given: {
      plans: each(() => [...words(size.planTokens - 1, size.vocabulary, stream), end]),
      images: each(() => ids(size.grid ** 2, 0, size.imageVocabulary, stream)),
    },
    planLogProb: -Math.log(size.vocabulary),
    ...{ guidance: 5, klWeight: 0.01, learningRate: 1e-6, maxGradNorm: 1, adapterScale: 0.05 },
  };
}

const ids = (length: number, from: number, below: number, stream: UniformStream): number[] =>
  Array.from({ length }, () => from + uniformInteger(stream, below - from));

/** Above the special tokens. */
const words = (length: number, vocabulary: number, stream: UniformStream): number[] =>
  ids(length, TINY_JANUS.ids.endImage + 1, vocabulary, stream);
