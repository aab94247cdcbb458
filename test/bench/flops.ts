import type { Problem, ProblemLevel } from './problem.js';

// Floating-point operations of matrix products: a multiplication and an addition each. What is masked counts too, as
// long as it is usually computed. Everything else (norms, softmax, sampling) counts as nothing.

/** Weights that every position is multiplied with. */
const layerWeights = ({ config }: Problem): number =>
  config.layers * (4 * config.width ** 2 + 3 * config.width * config.hidden);

/** Products of one pass over sequences, with logits where they are needed. */
function forward(problem: Problem, rows: number, length: number, logits: number, vocabulary: number): number {
  const { width, layers } = problem.config;
  const attention = 4 * rows * length ** 2 * width * layers;
  return 2 * rows * length * layerWeights(problem) + attention + 2 * logits * width * vocabulary;
}

const longest = (rows: readonly (readonly number[])[]): number => Math.max(...rows.map((row) => row.length));

const vocabularyOf = ({ config }: Problem, { space }: ProblemLevel): number =>
  space === 'image' ? config.imageVocabulary : config.textVocabulary;

/** One forward and backward pass over the given rollout; the backward pass is two forward passes. */
export function trainFlops(problem: Problem): number {
  return problem.levels.reduce((sum, level) => {
    const { contexts, tokens, sampling } = level;
    const branches = sampling.guidance === 1 ? 1 : 2;
    const length = longest(contexts) + longest(tokens) - 1;
    const logits = tokens.length * longest(tokens);
    const once = forward(problem, tokens.length, length, logits, vocabularyOf(problem, level));
    return sum + 3 * branches * once;
  }, 0);
}

/** Drawing the last level with a cache, each prompt computed once. */
export function decodeFlops(problem: Problem): number {
  const { prompts, groupSize, config } = problem;
  const level = problem.levels.at(-1) as ProblemLevel;
  const rows = prompts.length * groupSize;
  const steps = level.sampling.maxTokens - 1;
  const context = longest(prompts);
  const vocabulary = vocabularyOf(problem, level);
  const prefill = forward(problem, prompts.length, context, prompts.length, vocabulary);
  const products = 2 * rows * steps * (layerWeights(problem) + config.width * vocabulary);
  const attended = steps * context + (steps * (steps + 1)) / 2;
  return prefill + products + 4 * rows * attended * config.width * config.layers;
}
