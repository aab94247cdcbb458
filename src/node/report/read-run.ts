import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { BicotError } from '../../errors.js';
import type { Finding, FindingSeverity } from '../../train/findings.js';
import { type JsonLines, jsonLinesReader } from './json-lines.js';
import { type RunPicture, readRunPicture } from './run-picture.js';
import { fieldsOf, type RunStep, readRunStep, stepOf } from './run-step.js';

/** A finding of a run: a `Finding` whose code may be of another version. */
export type RunFinding = Omit<Finding, 'code'> & {
  /** A `FindingCode`, or one of another version. */
  readonly code: string;
};

/** What a run's folder tells. */
export interface RunRecord {
  /** The folder's name. */
  readonly name: string;
  /** Its absolute path. */
  readonly folder: string;
  /** What `config.json` says; undefined without one. */
  readonly config: unknown;
  /** Steps ascending, each once. */
  readonly steps: readonly RunStep[];
  /** In the file's order. */
  readonly findings: readonly RunFinding[];
  /** In the file's order; the pictures themselves are not read. */
  readonly pictures: readonly RunPicture[];
  /** When `metrics.jsonl` was last written to, in milliseconds since 1970; undefined without one. */
  readonly writtenAt?: number;
  /** What could not be read, in words. */
  readonly problems: readonly string[];
}

/**
 * Reads a run's folder: `config.json`, `metrics.jsonl`, `findings.jsonl`, `pictures.jsonl`. Any of them may be missing, a
 * last line may be half written, and fields may be unknown; of two records of one step the later one counts.
 * @param folder e.g. `runs/demo`
 * @throws BicotError `value` if there is no such folder
 */
export function readRun(folder: string): Promise<RunRecord> {
  return runReader(folder)();
}

/**
 * `readRun` for a run that goes on: what was read before is not read again.
 * @returns a function that gives everything up to now; calls must not overlap
 */
export function runReader(folder: string): () => Promise<RunRecord> {
  const path = resolve(folder);
  const files = (['metrics', 'findings', 'pictures'] as const).map((name) => ({
    file: `${name}.jsonl`,
    read: jsonLinesReader(join(path, `${name}.jsonl`)),
  }));
  return async () => {
    await assertFolder(path);
    const problems: string[] = [];
    const contents = [];
    for (const { file, read } of files) {
      const lines = await read();
      contents.push(lines);
      if (lines.damaged.length > 0) problems.push(damage(file, lines));
    }
    const [metrics, findings, pictures] = contents as [JsonLines, JsonLines, JsonLines];
    const config = await readConfig(join(path, 'config.json'), problems);
    const writtenAt = (await stat(join(path, 'metrics.jsonl')).catch(() => undefined))?.mtimeMs;
    return {
      ...{ name: basename(path), folder: path, config, problems },
      steps: stepsOf(metrics.records),
      findings: findings.records.flatMap(readFinding),
      pictures: pictures.records.flatMap((record) => readRunPicture(record) ?? []),
      ...(writtenAt !== undefined && { writtenAt }),
    };
  };
}

async function assertFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw new BicotError(
    'value',
    `readRun: there is no folder ${path}. Name the folder of a run, which has a metrics.jsonl in it.`,
  );
}

function damage(file: string, { damaged }: JsonLines): string {
  const some = damaged.slice(0, 5).join(', ');
  return `${file}: ${damaged.length === 1 ? `line ${some} is` : `${damaged.length} lines are`} not JSON and left out${damaged.length > 1 ? ` (${some}${damaged.length > 5 ? ', …' : ''})` : ''}.`;
}

async function readConfig(path: string, problems: string[]): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    problems.push('config.json: not JSON, and left out.');
    return undefined;
  }
}

function stepsOf(records: readonly unknown[]): RunStep[] {
  const byStep = new Map<number, RunStep>();
  let [sorted, before] = [true, -1];
  for (const record of records) {
    const step = readRunStep(record);
    if (step === undefined) continue;
    byStep.set(step.step, step);
    sorted &&= step.step > before;
    before = step.step;
  }
  const steps = [...byStep.values()];
  return sorted ? steps : steps.sort((a, b) => a.step - b.step);
}

const SEVERITIES: readonly string[] = ['error', 'warning', 'note'];

function readFinding(record: unknown): RunFinding[] {
  const { code, severity, message, evidence, suggestion, level, reward, step } = fieldsOf(record);
  if (typeof code !== 'string') return [];
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const at = stepOf(step);
  return [
    {
      code,
      severity: SEVERITIES.includes(text(severity)) ? (severity as FindingSeverity) : 'note',
      ...{ message: text(message), evidence: text(evidence), suggestion: text(suggestion) },
      ...(typeof level === 'string' && { level }),
      ...(typeof reward === 'string' && { reward }),
      ...(at !== undefined && { step: at }),
    },
  ];
}
