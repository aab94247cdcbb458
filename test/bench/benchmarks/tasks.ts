import { decodeFlops, trainFlops } from '../flops.js';
import type { Skipped } from '../hosts/protocol.js';
import { readProblem } from '../problem.js';
import type { Comparison, Result } from '../results.js';
import { SIZES, type Size, type SizeName } from '../sizes.js';
import type { Bench } from './bench.js';
import { compare } from './compare.js';

const modelTitle = ({ width, layers }: Size): string => `width ${width}, ${layers} layers`;

/** One update with a rollout that is given: forward, backward, clipping by norm, Adam. */
export async function benchTrain(bench: Bench, name: SizeName): Promise<Result> {
  const size: Size = SIZES[name];
  const problem = await bench.problem(size, { prompts: size.trainPrompts, plan: false });
  const rows = size.trainPrompts * size.groupSize;
  const { comparison, skipped } = await compare(bench, {
    task: 'train',
    problem,
    title: `update with ${rows} × (${size.contextLength} + ${size.imageLength}) tokens, ${modelTitle(size)}`,
    flops: trainFlops(readProblem(problem)),
  });
  return { benchmark: 'train', size: name, comparisons: [comparison], skipped };
}

/** Drawing images with a cache, a group for each prompt. */
export async function benchDecode(bench: Bench, name: SizeName): Promise<Result> {
  const size: Size = SIZES[name];
  const comparisons: Comparison[] = [];
  let skipped: readonly Skipped[] = [];
  for (const prompts of size.decodePrompts) {
    const problem = await bench.problem(size, { prompts, plan: false });
    const rows = prompts * size.groupSize;
    const result = await compare(bench, {
      task: 'decode',
      problem,
      title: `${rows} images of ${size.imageLength} tokens after ${size.contextLength}, ${modelTitle(size)}`,
      flops: decodeFlops(readProblem(problem)),
    });
    comparisons.push(result.comparison);
    skipped = result.skipped;
  }
  return { benchmark: 'decode', size: name, comparisons, skipped };
}

/** A whole step: plans, guided images, the reference's log-probs, an update. Rewards cost nothing. */
export async function benchStep(bench: Bench, name: SizeName): Promise<Result> {
  const size: Size = SIZES[name];
  const emoji = name === 'demo';
  const problem = await bench.problem(size, { prompts: size.trainPrompts, plan: true, emoji });
  const what = `${size.trainPrompts} prompts × ${size.groupSize} samples, plan and ${size.imageLength} image tokens`;
  const title = `step with ${what}, guidance 3, ${modelTitle(size)}${emoji ? ' (the emoji demo)' : ''}`;
  const { comparison, skipped } = await compare(bench, { task: 'step', problem, title });
  return { benchmark: 'step', size: name, comparisons: [comparison], skipped };
}
