import type { EmojiScores } from './experiment.js';

/** One run of the demo: its `result.json`, and how it was started. */
export interface EvidenceRun {
  readonly seed: number;
  /** The control: rewards handed to the wrong samples. */
  readonly shuffled: boolean;
  readonly before: Pick<EmojiScores, 'overall' | 'byTask'>;
  readonly after: Pick<EmojiScores, 'overall' | 'byTask'>;
  readonly heldOutJudge: {
    readonly before: number;
    /** The base, sampled as the trained model is. */
    readonly beforeSameSampling: number;
    readonly after: number;
    readonly byTask: {
      readonly before: EmojiScores['judgeByTask'];
      readonly after: EmojiScores['judgeByTask'];
    };
  };
  readonly klToBase: number;
  readonly steps: number;
  readonly seconds: number;
}

/** All runs that were made. */
export interface EvidenceReport {
  readonly date: string;
  readonly hardware: string;
  /** Runs that shared the machine. */
  readonly jobs: number;
  /** SHA-256 of the base model's file. */
  readonly weights: string;
  /** `demoSettings()` of all runs. */
  readonly settings: unknown;
  readonly runs: readonly EvidenceRun[];
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(1)}`;

/** The report as Markdown: every run, then the tasks (means over the seeds with true rewards). */
export function evidenceTable({ runs }: EvidenceReport): string {
  const lines = runs.map(({ seed, shuffled, heldOutJudge: judge, before, after, klToBase, seconds }) =>
    row([
      seed,
      shuffled ? 'shuffled' : 'true',
      judge.before.toFixed(1),
      judge.beforeSameSampling.toFixed(1),
      judge.after.toFixed(1),
      `**${signed(judge.after - judge.before)}**`,
      before.overall.toFixed(1),
      after.overall.toFixed(1),
      klToBase.toFixed(3),
      seconds.toFixed(0),
    ]),
  );
  const real = runs.filter(({ shuffled }) => !shuffled);
  const mean = (value: (run: EvidenceRun) => number): number =>
    real.reduce((sum, run) => sum + value(run), 0) / real.length;
  const tasks = Object.keys(real[0]?.before.byTask ?? {}).map((task) => {
    const before = mean((run) => run.heldOutJudge.byTask.before[task] ?? 0);
    const after = mean((run) => run.heldOutJudge.byTask.after[task] ?? 0);
    return row([task, before.toFixed(1), after.toFixed(1), signed(after - before)]);
  });
  return [
    row([
      'seed',
      'rewards',
      'judge before',
      'sampled as after',
      'after',
      'change',
      'reward before',
      'after',
      'KL',
      'seconds',
    ]),
    row(Array.from({ length: 10 }, () => '---')),
    ...lines,
    '',
    row(['task', 'judge before', 'after', 'change']),
    row(Array.from({ length: 4 }, () => '---')),
    ...tasks,
  ].join('\n');
}

/** One sentence: the held-out judge over the seeds with true rewards. */
export function evidenceSummary({ runs }: EvidenceReport): string {
  const real = runs.filter(({ shuffled }) => !shuffled);
  const range = (values: readonly number[]): string =>
    `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)} %`;
  const before = range(real.map(({ heldOutJudge }) => heldOutJudge.before));
  const after = range(real.map(({ heldOutJudge }) => heldOutJudge.after));
  return `Over ${real.length} seeds the judge accepts ${after} of the pictures after ${real[0]?.steps} steps of training, and ${before} of the base’s at its best sampling settings.`;
}
