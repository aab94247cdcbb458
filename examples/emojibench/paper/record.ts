import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from 'bicot/node';

/** How a level stood at a step. */
export interface LevelPoint {
  readonly kl: number;
  readonly entropy: number;
}

/** A step of a training. */
export interface CurvePoint {
  /** Of the trained total. */
  readonly reward: number;
  /** Share of the step's samples that the judge accepts. */
  readonly judge: number;
  readonly levels: Readonly<Record<string, LevelPoint>>;
  readonly gradNorm: number;
}

/** A sample that the results may show. */
export interface ShownSample {
  readonly promptIndex: number;
  readonly plan?: string;
  /** Image tokens. */
  readonly tokens: readonly number[];
  readonly accepted: boolean;
}

/** One run as it is committed: enough to make every table again. */
export interface RunRecord {
  readonly arm: string;
  readonly seed: number;
  /** `protocolHash` of what it was made with. */
  readonly protocol: string;
  readonly backend: string;
  /** `[prompts · samplesPerPrompt]` of 0 and 1, in the order of the prompts: what the strict judge says. */
  readonly judge: string;
  /** The same of the share of what was asked for, in thousandths. */
  readonly aspects: readonly number[];
  /** Of held-out samples: mean of each reward over those that it scored, by task. */
  readonly rewards: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Shares of held-out plans that meet their prompt, and of pictures that show their plan, by task. Without plans absent. */
  readonly levels?: Readonly<Record<string, { readonly plan: number; readonly picture: number }>>;
  readonly curve: readonly CurvePoint[];
  /** Per token to the base, mean over levels and over the last ten steps. Absent without a training, or a KL penalty. */
  readonly kl?: number;
  /** Codes of the monitor's findings, with the step. */
  readonly findings: readonly string[];
  /** The first sample of the first prompts of each task. */
  readonly shown: readonly ShownSample[];
  /** What it took: in no table but that of the cost. */
  readonly cost: { readonly seconds: number; readonly samples: number; readonly date: string };
}

/** A run's file. */
export const recordFile = (folder: string, arm: string, seed: number): string =>
  join(folder, `${arm}-${seed}.json`);

/** Reads a run, if it was made. */
export function readRecord(folder: string, arm: string, seed: number): RunRecord | undefined {
  const file = recordFile(folder, arm, seed);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RunRecord) : undefined;
}

/** Reads all runs of a folder. */
export function readRecords(folder: string): RunRecord[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as RunRecord);
}

/** Writes a run: one line for each field, so that the files stay small and changes show. */
export async function writeRecord(folder: string, record: RunRecord): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const fields = Object.entries(record).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );
  await writeFileAtomic(recordFile(folder, record.arm, record.seed), `{\n${fields.join(',\n')}\n}\n`);
}
