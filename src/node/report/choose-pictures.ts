import type { RunPicture } from './run-picture.js';

/** How many pictures a report shows. */
export interface PictureLimits {
  /** Steps at which the tracked prompts are shown. */
  readonly trackedSteps: number;
  /** Steps whose best and worst groups are shown. */
  readonly groupSteps: number;
  /** Tracked prompts. */
  readonly prompts: number;
  /** Pictures of one group, or of one prompt at one step. */
  readonly perGroup: number;
}

/** The same prompt through training. */
export interface TrackedPictures {
  readonly prompt: string;
  readonly pictures: readonly RunPicture[];
}

/** The best or the worst group of a step. */
export interface GroupPictures {
  readonly step: number;
  readonly kind: 'best' | 'worst';
  readonly prompt: string;
  readonly pictures: readonly RunPicture[];
}

/** Pictures that are shown. */
export interface ChosenPictures {
  readonly tracked: readonly TrackedPictures[];
  readonly groups: readonly GroupPictures[];
}

/** Chooses among a run's pictures, evenly over the steps; the first and the last step are always among them. */
export function choosePictures(pictures: readonly RunPicture[], limits: PictureLimits): ChosenPictures {
  const tracked = pictures.filter(({ kind }) => kind === 'tracked');
  const groups = pictures.filter(({ kind }) => kind !== 'tracked');
  const trackedSteps = spread(stepsOf(tracked), limits.trackedSteps);
  const groupSteps = spread(stepsOf(groups), limits.groupSteps);
  const prompts = groupBy(tracked, ({ promptIndex, prompt }) => String(promptIndex ?? prompt));
  return {
    tracked: [...prompts.values()].slice(0, limits.prompts).map((of) => ({
      prompt: of[0]?.prompt ?? '',
      pictures: [...groupBy(of, ({ step }) => String(step)).values()]
        .filter(([first]) => first !== undefined && trackedSteps.has(first.step))
        .flatMap((atStep) => byIndex(atStep).slice(0, limits.perGroup))
        .sort((a, b) => a.step - b.step),
    })),
    groups: [
      ...groupBy(groups, ({ step, kind, group, prompt }) =>
        JSON.stringify([step, kind, group ?? prompt]),
      ).values(),
    ]
      .flatMap((of) => {
        const [first] = of;
        if (first === undefined || first.kind === 'tracked' || !groupSteps.has(first.step)) return [];
        const { step, kind, prompt } = first;
        return [{ step, kind, prompt, pictures: byIndex(of).slice(0, limits.perGroup) }];
      })
      .sort((a, b) => a.step - b.step || a.kind.localeCompare(b.kind)),
  };
}

/** The chosen ones, each once. */
export function picturesOf({ tracked, groups }: ChosenPictures): RunPicture[] {
  return [...tracked, ...groups].flatMap(({ pictures }) => pictures);
}

const byIndex = (pictures: readonly RunPicture[]): RunPicture[] =>
  [...pictures].sort((a, b) => a.index - b.index);

const stepsOf = (pictures: readonly RunPicture[]): number[] =>
  [...new Set(pictures.map(({ step }) => step))].sort((a, b) => a - b);

/** At most `most` of the steps, as even as can be, with the first and the last. */
function spread(steps: readonly number[], most: number): ReadonlySet<number> {
  if (steps.length <= most) return new Set(steps);
  return new Set(
    Array.from(
      { length: most },
      (_, i) => steps[Math.round((i * (steps.length - 1)) / (most - 1))] as number,
    ),
  );
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const of = groups.get(key(item));
    if (of) of.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}
