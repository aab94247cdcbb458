import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { groupAdvantages, normalValues, type UniformStream, uniformInteger, uniformStream } from 'bicot';
import { createTransformer, type TransformerPolicy } from 'bicot/models';
import { saveWeights } from 'bicot/node';
import { semanticContext } from '../../examples/emoji/model.js';
import { loadEmojiModel } from '../../examples/emoji/model-file.js';
import { samplePrompts } from '../../examples/emoji/prompts.js';
import { type Problem, type ProblemLevel, problemPath, weightsPath } from './problem.js';
import { BEGIN, END, IMAGE, type Size, SPECIALS, transformerOptions } from './sizes.js';

/** What a problem is about, beside its size. */
export interface ProblemKind {
  /** B. */
  readonly prompts: number;
  /** Whether a plan comes before the image, with the emoji demo's settings; else an image alone, plainly sampled. */
  readonly plan: boolean;
  /** The emoji demo's trained base model and prompts, in place of random ones. */
  readonly emoji?: boolean;
}

/** Writes a problem to a new folder. Always the same one for the same size and kind. */
export async function makeProblem(size: Size, kind: ProblemKind): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-bench-'));
  const model = await makeModel(size, kind);
  await saveWeights(weightsPath(folder), model.variables);
  writeFileSync(problemPath(folder), JSON.stringify(describe(model, size, kind)));
  model.dispose();
  return folder;
}

async function makeModel(size: Size, { emoji }: ProblemKind): Promise<TransformerPolicy> {
  if (!emoji) return createTransformer(transformerOptions(size));
  const base = new URL('../../examples/emoji/base', import.meta.url).pathname;
  return (await loadEmojiModel(base)).model;
}

function describe({ config }: TransformerPolicy, size: Size, kind: ProblemKind): Problem {
  const { groupSize } = size;
  const stream = uniformStream('bench', 'problem');
  const prompts = kind.emoji ? emojiPrompts(kind.prompts) : randomPrompts(size, kind, stream);
  const scores = Array.from({ length: groupSize }, (_, g) => g);
  const all = Float32Array.from(prompts.flatMap(() => scores));
  const levels = kind.plan ? bothLevels(prompts, size, stream) : [imageLevel(prompts, size, stream)];
  return {
    config,
    prompts,
    groupSize,
    scores,
    advantages: [...groupAdvantages(all, { groupSize }).advantages],
    levels,
    imageStart: IMAGE,
    clip: 0.2,
    klWeight: kind.plan ? 0.01 : 0,
    // So small that a thousand updates leave the model, and with it the length of its plans, as it is.
    learningRate: 1e-7,
    maxGradNorm: 1,
    microBatch: MICRO_BATCH,
    adam: { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
  };
}

/** What the port's gradients leave room for in WebAssembly's memory; the others are given the same. */
const MICRO_BATCH = 16;

const emojiPrompts = (count: number): number[][] =>
  samplePrompts('train', count, 0).map((row) => [...semanticContext(row).ids]);

/** `length` random words. */
const words = (size: Size, length: number, stream: UniformStream): number[] =>
  Array.from({ length }, () => SPECIALS + uniformInteger(stream, size.text - SPECIALS));

/** Contexts of the first level: what is left of the context's length when a plan takes its part. */
function randomPrompts(size: Size, { prompts, plan }: ProblemKind, stream: UniformStream): number[][] {
  const length = size.contextLength - (plan ? size.planLength : 0);
  return Array.from({ length: prompts }, () => [BEGIN, ...words(size, length - 1, stream)]);
}

/** One row a sample. */
const perSample = <T>(
  prompts: readonly (readonly number[])[],
  groupSize: number,
  row: (ids: number[]) => T,
) => prompts.flatMap((ids) => Array.from({ length: groupSize }, () => row([...ids])));

function imageLevel(prompts: number[][], size: Size, stream: UniformStream): ProblemLevel {
  const contexts = perSample(prompts, size.groupSize, (ids) => ids);
  return imageTokens(contexts, size, { temperature: 1, guidance: 1 }, stream);
}

/** Plans of different lengths, and an image after each, sampled as the emoji demo does but with guidance. */
function bothLevels(prompts: number[][], size: Size, stream: UniformStream): ProblemLevel[] {
  const contexts = perSample(prompts, size.groupSize, (ids) => ids);
  const plans = contexts.map(() => [
    ...words(size, uniformInteger(stream, size.planLength - 1), stream),
    END,
  ]);
  const semantic: ProblemLevel = {
    name: 'semantic',
    space: 'text',
    sampling: { temperature: 0.7, guidance: 1, maxTokens: size.planLength },
    contexts,
    tokens: plans,
    oldLogProbs: plans.map(({ length }) => guesses(length, size.text, stream)),
  };
  const after = contexts.map((ids, n) => [...ids, ...(plans[n] as number[]).slice(0, -1), IMAGE]);
  return [semantic, imageTokens(after, size, { temperature: 0.4, guidance: 3 }, stream)];
}

function imageTokens(
  contexts: number[][],
  size: Size,
  sampling: { readonly temperature: number; readonly guidance: number },
  stream: UniformStream,
): ProblemLevel {
  const { image, imageLength } = size;
  return {
    name: 'token',
    space: 'image',
    sampling: { ...sampling, maxTokens: imageLength },
    contexts,
    tokens: contexts.map(() => Array.from({ length: imageLength }, () => uniformInteger(stream, image))),
    oldLogProbs: contexts.map(() => guesses(imageLength, image, stream)),
  };
}

/** Near those of an untrained model, so that some ratios are clipped and most are not. */
const guesses = (length: number, vocabulary: number, stream: UniformStream): number[] =>
  [...normalValues(stream, length)].map((value) => Math.fround(0.15 * value - Math.log(vocabulary)));
