import { packageVersion } from '../cli/version.js';
import { chartsOf } from './charts.js';
import { findingsOf, headlineOf } from './headline.js';
import type { RunPictures } from './picture-data.js';
import type { RunRecord } from './read-run.js';
import type { ReportData, RunData } from './report-data.js';

/** How a report is shown. */
export interface ReportMode {
  readonly title?: string;
  readonly live: boolean;
  readonly reloadSeconds: number;
  /** In milliseconds since 1970. */
  readonly now: number;
}

/** More settings than a person reads. */
const MOST_SETTINGS = 500;
/** A longer one is cut. */
const MOST_CHARACTERS = 500;

/**
 * What a page shows of some runs.
 * @param pictures of each run, beside it
 */
export function buildReportData(
  runs: readonly RunRecord[],
  pictures: readonly RunPictures[],
  { title, live, reloadSeconds, now }: ReportMode,
): ReportData {
  const names = distinctNames(runs);
  return {
    title: title ?? names.join(', '),
    version: packageVersion(),
    ...{ madeAt: now, live, reloadSeconds },
    runs: runs.map((run, i): RunData => {
      const { list, leftOut } = findingsOf(run.findings);
      return {
        name: names[i] as string,
        headline: headlineOf(run, now),
        ...{ findings: list, findingsLeftOut: leftOut },
        ...(pictures[i] as RunPictures),
        config: settingsOf(run.config),
        problems: run.problems,
      };
    }),
    charts: chartsOf(runs),
  };
}

/** Names of the folders; of folders that are called alike, their paths. */
function distinctNames(runs: readonly RunRecord[]): string[] {
  return runs.map(({ name, folder }) =>
    runs.filter((other) => other.name === name).length > 1 ? folder : name,
  );
}

/** A configuration as lines: `objective.clip.low` and its value. */
function settingsOf(config: unknown): [string, string][] {
  const lines: [string, string][] = [];
  const visit = (path: string, value: unknown) => {
    if (lines.length >= MOST_SETTINGS) return;
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    const flat = Array.isArray(value) && value.every((item) => typeof item !== 'object');
    if (entries.length > 0 && !flat) {
      for (const [key, inner] of entries) visit(path === '' ? key : `${path}.${key}`, inner);
    } else {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      lines.push([path, text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text]);
    }
  };
  if (config !== undefined) visit('', config);
  return lines;
}
