import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importPatchCodebook } from 'bicot/models';
import { encodePng, readSafetensors, writeFileAtomic } from 'bicot/node';
import { curvesSvg } from './curves.js';
import { remade } from './marked.js';
import { planTable, resultsPicture } from './pictures.js';
import { readRecords } from './record.js';
import { type Runs, runsOf } from './runs.js';
import type { PaperSettings } from './settings.js';
import {
  allRunsTable,
  costTable,
  differenceTable,
  hackingTable,
  levelTable,
  mainTable,
  missingRuns,
  objectiveTable,
  questionTable,
  taskTable,
} from './tables.js';
import { valueIn } from './values.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CURVES = ['best-of-base', 'no-plan', 'semantic', 'token', 'bicot', 'shuffled'];

/** The blocks of the pages. */
function blocksOf(runs: Runs, settings: PaperSettings): Readonly<Record<string, () => string>> {
  return {
    main: () => mainTable(runs),
    tasks: () => taskTable(runs),
    differences: () => differenceTable(runs),
    levels: () => levelTable(runs),
    hacking: () => hackingTable(runs),
    rewards: () => questionTable(runs, 'rewards'),
    guidance: () => questionTable(runs, 'guidance'),
    'group-size': () => questionTable(runs, 'group size'),
    kl: () => questionTable(runs, 'KL'),
    weighting: () => questionTable(runs, 'level weighting'),
    control: () => questionTable(runs, 'control'),
    objectives: () => objectiveTable(runs),
    cost: () => costTable(runs),
    plans: () => planTable(runs),
    runs: () => allRunsTable(runs),
    missing: () => missingRuns(runs, settings),
  };
}

/** A page's path from the project's root, and what belongs in it. */
export type Pages = Readonly<Record<string, string | Uint8Array>>;

/** The pages that quote the committed runs, made again of them. Nothing is written. */
export async function publishedPages(settings: PaperSettings, folder: string): Promise<Pages> {
  const runs = runsOf(readRecords(folder), settings);
  const blocks = blocksOf(runs, settings);
  const value = (key: string): string => valueIn(runs, key);
  const page = (file: string): string => remade(readFileSync(join(ROOT, file), 'utf8'), blocks, value);
  const { tensors, metadata } = await readSafetensors(
    join(ROOT, 'examples/emojibench/base/codebook.safetensors'),
  );
  return {
    'README.md': page('README.md'),
    'docs/results.md': page('docs/results.md'),
    'docs/objectives.md': page('docs/objectives.md'),
    'docs/images/results-curves.svg': curvesSvg(runs, CURVES),
    'docs/images/results.png': encodePng(await resultsPicture(runs, importPatchCodebook(tensors, metadata))),
  };
}

/** What a folder of other runs says, in one page. */
function ownPage(settings: PaperSettings, folder: string): string {
  const runs = runsOf(readRecords(folder), settings);
  const shown = ['main', 'tasks', 'differences', 'levels', 'hacking', 'cost', 'runs'];
  const blocks = blocksOf(runs, settings);
  return [
    '# The paper in miniature: these runs',
    'Share of held-out prompts whose picture the judge accepts, in percent, with intervals of 95 %.',
    ...shown.flatMap((name) => [`## ${name}`, blocks[name]?.() ?? '']),
    '',
  ].join('\n\n');
}

/**
 * Writes the pages.
 * @param out a folder for a page of its own, in place of the published ones
 * @returns the files
 */
export async function writePages(settings: PaperSettings, folder: string, out?: string): Promise<string[]> {
  if (out !== undefined) {
    const file = join(out, 'results.md');
    await writeFileAtomic(file, ownPage(settings, folder));
    return [file];
  }
  const pages = await publishedPages(settings, folder);
  for (const [file, content] of Object.entries(pages)) await writeFileAtomic(join(ROOT, file), content);
  return Object.keys(pages);
}
