import { holm } from 'bicot';
import { FACT_KINDS } from '../facts.js';
import { EMOJI_BENCH } from '../world.js';
import { ARMS, type Arm, type Question } from './arms.js';
import type { RunRecord } from './record.js';
import { type Estimate, mean, type Runs } from './runs.js';
import { type PaperSettings, plannedRuns } from './settings.js';

/** In percent with one digit. */
export const percent = (share: number): string => (100 * share).toFixed(1);
/** With its sign. */
export const signed = (share: number): string => `${share >= 0 ? '+' : '−'}${percent(Math.abs(share))}`;
/** What must not be broken between lines: cells of a table are narrow. */
const unbroken = (text: string): string => text.replaceAll(' ', '\u00a0');
/** An estimate with its interval. */
export const withInterval = ({ estimate, low, high }: Estimate): string =>
  `${percent(estimate)} ${unbroken(`(${percent(low)} to ${percent(high)})`)}`;
/** The same of a difference. */
export const signedInterval = ({ estimate, low, high }: Estimate): string =>
  `${signed(estimate)} ${unbroken(`(${signed(low)} to ${signed(high)})`)}`;

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
/**
 * A table in Markdown.
 * @param align of all columns but the first, which is aligned left. Default: right
 */
export const table = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  align: '---:' | '---' = '---:',
): string => [row(head), row(head.map((_, i) => (i === 0 ? '---' : align))), ...rows.map(row)].join('\n');

/** Arms of a question that have runs. */
const armsOf = (runs: Runs, question: Question): Arm[] =>
  ARMS.filter((arm) => arm.question === question && runs.ofArm(arm.name).length > 0);

const made = (arms: readonly string[], runs: Runs): string[] =>
  arms.filter((arm) => runs.ofArm(arm).length > 0);

/** The mean KL to the base of an arm's runs; a dash without one. */
export function klOf(runs: Runs, arm: string): string {
  const kls = runs.ofArm(arm).flatMap(({ kl }) => (kl === undefined ? [] : [kl]));
  return kls.length === 0 ? '–' : mean(kls).toFixed(3);
}

/** The main comparison: what the strict judge accepts. */
export function mainTable(runs: Runs): string {
  const cell = (arm: string, subset: string, measure?: 'judge' | 'aspects'): string => {
    const estimate = runs.judged(arm, subset, measure);
    return estimate ? withInterval(estimate) : '–';
  };
  return table(
    ['', 'runs', 'all', 'compositional', 'reasoning', 'aspects met, all', 'KL'],
    armsOf(runs, 'main').map(({ name, title }) => [
      title,
      String(runs.ofArm(name).length),
      cell(name, 'all'),
      cell(name, 'compositional'),
      cell(name, 'reasoning'),
      cell(name, 'all', 'aspects'),
      klOf(runs, name),
    ]),
  );
}

/** The main arms by kind of prompt; of reasoning also by what the fact is about. */
export function taskTable(runs: Runs): string {
  const subsets = [...EMOJI_BENCH.tasks, ...FACT_KINDS];
  return table(
    ['', ...subsets],
    armsOf(runs, 'main').map(({ name, title }) => [
      title,
      ...subsets.map((subset) => percent(runs.accepted(name, subset) ?? Number.NaN)),
    ]),
  );
}

/** BiCoT minus each other main arm, with p of all comparisons of a column after Holm. */
export function differenceTable(runs: Runs): string {
  const others = made(
    ['base', 'base-same', 'base-no-plan', 'best-of-base', 'no-plan', 'semantic', 'token'],
    runs,
  );
  const subsets = ['all', 'compositional', 'reasoning'];
  const columns = subsets.map((subset) => {
    const differences = others.map((other) => runs.difference('bicot', other, subset));
    const corrected = holm(differences.map((difference) => difference?.p ?? 1));
    return differences.map((difference, i) =>
      difference ? `${signedInterval(difference)}, ${unbroken(`p ${pValue(corrected[i] as number)}`)}` : '–',
    );
  });
  return table(
    ['BiCoT minus', ...subsets],
    others.map((other, i) => [titleOf(other), ...columns.map((column) => column[i] as string)]),
  );
}

/** A p-value in four digits; smaller ones as a bound. */
export const pValue = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3));

/** An arm's title. */
export const titleOf = (name: string): string => ARMS.find((arm) => arm.name === name)?.title ?? name;

/** The arms of other questions beside BiCoT with the same seeds. */
export function questionTable(runs: Runs, question: Question): string {
  const cells = (name: string): string[] => [
    withInterval(runs.judged(name, 'all') as Estimate),
    ...['all', 'compositional', 'reasoning'].map((subset) => {
      const difference = runs.difference(name, 'bicot', subset);
      return difference ? signedInterval(difference) : '–';
    }),
    klOf(runs, name),
  ];
  return table(
    ['', 'runs', 'all', 'minus BiCoT, all', 'compositional', 'reasoning', 'KL'],
    armsOf(runs, question).map(({ name, title }) => [title, String(runs.ofArm(name).length), ...cells(name)]),
  );
}

/** Where samples go wrong: shares of plans that meet the prompt, and of pictures that show the plan. */
export function levelTable(runs: Runs): string {
  const arms = made(['base-same', 'best-of-base', 'semantic', 'token', 'bicot'], runs);
  const shares = (arm: string, task: string, level: 'plan' | 'picture'): string =>
    percent(mean(runs.ofArm(arm).map(({ levels }) => levels?.[task]?.[level] ?? Number.NaN)));
  return table(
    ['', ...EMOJI_BENCH.tasks.flatMap((task) => [`${task}: plan`, 'picture'])],
    arms.map((arm) => [
      titleOf(arm),
      ...EMOJI_BENCH.tasks.flatMap((task) => [shares(arm, task, 'plan'), shares(arm, task, 'picture')]),
    ]),
  );
}

/** A reward over all held-out samples that it scores: the mean over tasks. */
const rewardMean = (records: readonly RunRecord[], reward: string): number =>
  mean(records.map(({ rewards }) => mean(Object.values(rewards[reward] ?? {}))));

/** The trained rewards beside the judge: where a reward rises and the judge does not, it is exploited. */
export function hackingTable(runs: Runs): string {
  const arms = made(
    [
      'base-same',
      'bicot',
      'reward-detector',
      'reward-attribute',
      'reward-quality',
      'reward-faithful',
      'shuffled',
    ],
    runs,
  );
  const rewards = ['detector', 'attribute', 'quality', 'faithful'];
  return table(
    ['', ...rewards, 'judge', 'runs that the monitor warned about'],
    arms.map((arm) => {
      const records = runs.ofArm(arm);
      const warned = records.filter(({ findings }) => findings.length > 0);
      const codes = [
        ...new Set(warned.flatMap(({ findings }) => findings.map((text) => text.split(' ')[0]))),
      ];
      return [
        titleOf(arm),
        ...rewards.map((reward) => percent(rewardMean(records, reward))),
        percent(runs.accepted(arm, 'all') ?? Number.NaN),
        `${warned.length} of ${records.length}${codes.length > 0 ? ` (${codes.join(', ')})` : ''}`,
      ];
    }),
  );
}

/** The presets of objectives, with two updates a rollout. */
export function objectiveTable(runs: Runs): string {
  return table(
    ['preset', 'runs', 'judge accepts, %', 'compositional', 'reasoning', 'KL'],
    armsOf(runs, 'objectives').map(({ name, title }) => [
      `\`${title}\``,
      String(runs.ofArm(name).length),
      ...['all', 'compositional', 'reasoning'].map((subset) =>
        withInterval(runs.judged(name, subset) as Estimate),
      ),
      klOf(runs, name),
    ]),
  );
}

/** What the runs took. */
export function costTable(runs: Runs): string {
  const questions = [...new Set(ARMS.map(({ question }) => question))];
  const rows = questions.map((question) => {
    const names = new Set(armsOf(runs, question).map(({ name }) => name));
    const own = runs.records.filter(({ arm }) => names.has(arm));
    const sum = (value: (record: RunRecord) => number): number =>
      own.reduce((total, record) => total + value(record), 0);
    return [
      question,
      own.length,
      sum(({ cost }) => cost.samples),
      sum(({ cost }) => cost.seconds) / 60,
    ] as const;
  });
  const total = [1, 2, 3].map((column) => rows.reduce((sum, cells) => sum + (cells[column] as number), 0));
  const cells = ([name, count, samples, minutes]: readonly [string, number, number, number]): string[] => [
    name,
    String(count),
    samples.toLocaleString('en-US'),
    minutes.toFixed(0),
  ];
  return table(
    ['question', 'runs', 'samples trained on', 'minutes of one process'],
    [
      ...rows.filter(([, count]) => count > 0).map(cells),
      cells(['all', ...(total as [number, number, number])]),
    ],
  );
}

/** Which runs of the protocol are not made yet, in a sentence. */
export function missingRuns(runs: Runs, settings: PaperSettings): string {
  const missing = plannedRuns(settings).filter(
    ({ arm, seed }) => !runs.ofArm(arm.name).some((record) => record.seed === seed),
  );
  if (missing.length === 0) return 'All runs of the protocol are made.';
  const names = [...new Set(missing.map(({ arm }) => arm.name))].map((name) => {
    const seeds = missing.filter(({ arm }) => arm.name === name).map(({ seed }) => seed);
    return `${name} (${seeds.join(', ')})`;
  });
  return `Of the ${plannedRuns(settings).length} runs of the protocol ${missing.length} are not made yet; \`npm run paper\` makes them. Arms, with the seeds that lack: ${names.join('; ')}.`;
}

/** Every run that was made. */
export function allRunsTable(runs: Runs): string {
  return table(
    ['arm', 'seed', 'judge accepts, %', 'KL', 'findings'],
    ARMS.flatMap(({ name }) =>
      runs
        .ofArm(name)
        .map(({ seed, judge, kl, findings }) => [
          name,
          String(seed),
          percent(mean([...judge].map(Number))),
          kl === undefined ? '–' : kl.toFixed(3),
          findings.join(', ') || '–',
        ]),
    ),
  );
}
