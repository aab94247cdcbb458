import { nanMoments } from '../../objective/statistics.js';
import type { RunFinding, RunRecord } from './read-run.js';
import type { ChangeData, FindingData, HeadlineData } from './report-data.js';
import { fieldsOf, type RunStep, stepOf } from './run-step.js';

/** A run that wrote nothing for so many of its steps has stopped … */
const SILENT_STEPS = 5;
/** … but it is given this long. */
const SILENT_SECONDS = 60;
/** Steps whose time tells how long the rest takes. */
const PACE_STEPS = 20;
/** Steps at each end that a change is measured over, at most. */
const END_STEPS = 20;

/** Kinds of findings that a list has at most. */
const MOST_FINDINGS = 100;
const SEVERITIES = ['error', 'warning', 'note'] as const;

/**
 * What a person reads first about a run.
 * @param now in milliseconds since 1970
 */
export function headlineOf(run: RunRecord, now: number): HeadlineData {
  const { steps, findings, writtenAt } = run;
  const last = steps.at(-1);
  const done = last === undefined ? 0 : last.step + 1;
  const total = totalSteps(run.config);
  const pace = median(steps.slice(-PACE_STEPS).map(({ seconds }) => seconds));
  const silent = writtenAt === undefined ? Number.POSITIVE_INFINITY : (now - writtenAt) / 1000;
  const state = stateOf(done, total, silent < Math.max(SILENT_SECONDS, SILENT_STEPS * (pace || 0)));
  const judge = judgeOf(steps);
  const worst = SEVERITIES.flatMap(
    (severity) => findings.find((found) => found.severity === severity) ?? [],
  )[0];
  const reward = change('Reward', steps, (step) => step.reward);
  const judged =
    judge === undefined
      ? undefined
      : change(judge, steps, (step) => step.monitors[judge]?.mean ?? Number.NaN);
  return {
    ...{ done, state },
    ...(total !== undefined && { total }),
    ...(state === 'running' && total !== undefined && pace > 0 && { secondsLeft: (total - done) * pace }),
    ...(writtenAt !== undefined && { writtenAt }),
    ...(reward && { reward }),
    ...(judged && { judge: judged }),
    findings: Object.fromEntries(
      SEVERITIES.map((severity) => [
        severity,
        findings.filter((found) => found.severity === severity).length,
      ]),
    ) as HeadlineData['findings'],
    ...(worst && { worst: { severity: worst.severity, code: worst.code, message: worst.message } }),
  };
}

/** Findings of one kind, level and reward as one, the severe ones first, and how many kinds are left out. */
export function findingsOf(findings: readonly RunFinding[]): {
  readonly list: readonly FindingData[];
  readonly leftOut: number;
} {
  const byKind = new Map<string, FindingData & { readonly steps: number[] }>();
  for (const { step, ...finding } of findings) {
    const kind = JSON.stringify([finding.severity, finding.code, finding.level, finding.reward]);
    const known = byKind.get(kind) ?? { ...finding, steps: [] };
    byKind.set(kind, known);
    if (step !== undefined) known.steps.push(step);
  }
  const rank = ({ severity }: FindingData) => SEVERITIES.indexOf(severity);
  const list = [...byKind.values()].sort((a, b) => rank(a) - rank(b));
  for (const { steps } of list) steps.sort((a, b) => a - b);
  return { list: list.slice(0, MOST_FINDINGS), leftOut: Math.max(0, list.length - MOST_FINDINGS) };
}

/** The `steps` of a configuration, at its top or one floor below. */
function totalSteps(config: unknown): number | undefined {
  const fields = fieldsOf(config);
  const candidates = [fields.steps, ...Object.values(fields).map((value) => fieldsOf(value).steps)];
  return candidates.map(stepOf).find((steps) => steps !== undefined && steps > 0);
}

function stateOf(done: number, total: number | undefined, fresh: boolean): HeadlineData['state'] {
  if (total !== undefined && done >= total) return 'finished';
  if (fresh) return 'running';
  return done === 0 ? 'waiting' : 'stopped';
}

/** The monitor that judges: the one that is called so, else the first. */
function judgeOf(steps: readonly RunStep[]): string | undefined {
  const names = Object.keys(steps.at(-1)?.monitors ?? {});
  return names.find((name) => /judge|held/i.test(name)) ?? names[0];
}

function change(
  name: string,
  steps: readonly RunStep[],
  value: (step: RunStep) => number,
): ChangeData | undefined {
  const values = steps.map(value).filter(Number.isFinite);
  if (values.length === 0) return undefined;
  const over = Math.min(END_STEPS, Math.max(1, Math.round(values.length / 20)));
  return {
    ...{ name, over },
    from: nanMoments(values.slice(0, over)).mean,
    to: nanMoments(values.slice(-over)).mean,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
