import type { Evaluation, PromptRow } from 'bicot';
import type { Judge } from './judge.js';
import { parsePlan } from './plan.js';
import { isMet, specOf } from './requirement.js';
import { GRID } from './scene.js';

/** Where samples go wrong. */
export interface LevelShares {
  /** Share of the plans that meet their prompt. */
  readonly plan: number;
  /** Share of the pictures that show exactly their plan. */
  readonly picture: number;
}

const placed = (object: { noun?: string; color?: string; cell: number }): string =>
  `${object.color ?? ''} ${object.noun} ${object.cell}`;

/** At which level samples go wrong, by kind of prompt. Judged by the data's own rule for plans, and the judge's eyes for pictures. */
export function levelShares(
  { samples }: Pick<Evaluation<PromptRow>, 'samples'>,
  judge: Judge,
): Record<string, LevelShares> {
  const tally = new Map<string, { plan: number; picture: number; all: number }>();
  for (const { sample } of samples) {
    const { task_type } = sample.prompt;
    const counts = tally.get(task_type) ?? { plan: 0, picture: 0, all: 0 };
    const planned = parsePlan(sample.plan ?? '');
    const shown = sample.image
      ? judge
          .judgeScene(sample.image)
          .map(({ noun, color, column, row }) => placed({ noun, color, cell: row * GRID + column }))
          .sort()
      : [];
    counts.all++;
    if (planned && isMet(specOf(sample.prompt), planned)) counts.plan++;
    if (planned && planned.objects.map(placed).sort().join() === shown.join()) counts.picture++;
    tally.set(task_type, counts);
  }
  return Object.fromEntries(
    [...tally].map(([task, { plan, picture, all }]) => [task, { plan: plan / all, picture: picture / all }]),
  );
}
