import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchmarkName } from '../options.js';
import type { ResultFile } from '../results.js';
import { NOTES, NOTHING, TITLES } from './prose.js';
import { circumstancesLine, resultTables } from './tables.js';

/** docs/performance.md. */
export const PAGE = fileURLToPath(new URL('../../../docs/performance.md', import.meta.url));

const INTRODUCTION = new URL('./introduction.md', import.meta.url);

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

/** The committed results, by file name. */
export function readResults(folder = RESULTS): ResultFile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ResultFile);
}

/** The page that results make. */
export function writtenPage(files: readonly ResultFile[]): string {
  const sections = (Object.keys(TITLES) as BenchmarkName[]).map((name) => section(name, files));
  const introduction = readFileSync(INTRODUCTION, 'utf8').trimEnd();
  const found = sections.flat();
  return `${[introduction, ...(found.length > 0 ? found : [NOTHING])].join('\n\n')}\n`;
}

/** Nothing for a benchmark without results. */
function section(name: BenchmarkName, files: readonly ResultFile[]): string[] {
  const measured = files.flatMap(({ circumstances, results }) =>
    results
      .filter(({ benchmark }) => benchmark === name)
      .map((result) => `${resultTables(result)}\n\n${circumstancesLine(circumstances)}`),
  );
  return measured.length === 0 ? [] : [`## ${TITLES[name]}`, NOTES[name], ...measured];
}
