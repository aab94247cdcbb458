import type { EvaluatedSample, Evaluation, PromptRow, RgbImage } from 'bicot';
import { type GridCell, imageGrid } from 'bicot/node';

/** The frame of a picture that the judge accepts. */
export const ACCEPTED = [46, 160, 67] as const;
/** The frame of one that it rejects. */
export const REJECTED = [207, 34, 46] as const;

/** The picture with its prompt and plan; framed green where the judge accepts it, else red. */
function cell({ sample, results }: EvaluatedSample<PromptRow>): GridCell[] {
  if (!sample.image) return [];
  const accepted = results.judge?.kind === 'score' && results.judge.value === 1;
  const caption = [sample.prompt.prompt, `plan: ${sample.plan ?? ''}`];
  return [{ image: sample.image, caption, frame: accepted ? ACCEPTED : REJECTED }];
}

/** One sample of each of the first prompts. */
const firstSamples = ({ samples }: Evaluation<PromptRow>, count: number): EvaluatedSample<PromptRow>[] =>
  samples.filter(({ sample }) => sample.index === 0).slice(0, count);

/** Samples of twenty prompts, four of each task. */
export function evaluationGrid(evaluation: Evaluation<PromptRow>, title: string): RgbImage {
  return imageGrid(firstSamples(evaluation, 20).flatMap(cell), { columns: 5, scale: 3, title });
}

/** The same ten prompts, two of each task, twice: before above, after below. */
export function beforeAfterGrid(before: Evaluation<PromptRow>, after: Evaluation<PromptRow>): RgbImage {
  const cells = [before, after].flatMap((evaluation) => firstSamples(evaluation, 10).flatMap(cell));
  return imageGrid(cells, {
    columns: 5,
    scale: 3,
    title: 'before (two rows above) and after training (two rows below)',
  });
}
