import { bootstrap, crossedBootstrap, type PromptRow, signFlipTest } from 'bicot';
import { FACT_KINDS, factKindOf } from '../facts.js';
import { EMOJI_BENCH } from '../world.js';
import type { RunRecord } from './record.js';
import { evaluationPrompts, type PaperSettings } from './settings.js';

/** Which held-out prompts: all, those that ask for compositions, or those of one kind. */
export const COMPOSITIONAL = ['object', 'color', 'numeracy', 'spatial', 'complex'] as const;

/** An estimate with its interval of 95 %. */
export interface Estimate {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** How much one arm is better than another on the same prompts with the same seeds. */
export interface Difference extends Estimate {
  /** Of sign flips over prompts, each the mean over seeds. */
  readonly p: number;
  readonly seeds: number;
}

/** What can be asked of runs. */
export interface Runs {
  readonly records: readonly RunRecord[];
  readonly prompts: readonly PromptRow[];
  /** Runs of an arm, by seed; empty if none was made. */
  ofArm(arm: string): readonly RunRecord[];
  /** Share of samples that the judge accepts, over all runs. */
  accepted(arm: string, subset: string): number | undefined;
  /** The same with its interval. */
  judged(arm: string, subset: string, measure?: 'judge' | 'aspects'): Estimate | undefined;
  /** `first` − `second`, over the seeds that both have. */
  difference(first: string, second: string, subset: string): Difference | undefined;
}

/**
 * Whether a prompt is of a subset: `all`, `compositional`, a task (`color`), or a kind of fact (`nature`).
 * @throws Error for a subset that there is not
 */
export function isOf(subset: string, row: PromptRow): boolean {
  if (subset === 'all') return true;
  if (subset === 'compositional') return (COMPOSITIONAL as readonly string[]).includes(row.task_type);
  if ((EMOJI_BENCH.tasks as readonly string[]).includes(subset)) return row.task_type === subset;
  if ((FACT_KINDS as readonly string[]).includes(subset)) return factKindOf(row) === subset;
  throw new Error(`There is no subset '${subset}'.`);
}

/** Indexes runs. */
export function runsOf(records: readonly RunRecord[], settings: PaperSettings): Runs {
  const prompts = evaluationPrompts(settings);
  const { samplesPerPrompt } = settings;
  const ofArm = (arm: string): RunRecord[] =>
    records.filter((record) => record.arm === arm).sort((a, b) => a.seed - b.seed);
  /** Of each prompt of the subset the mean over its samples. */
  const row = (record: RunRecord, subset: string, measure: 'judge' | 'aspects' = 'judge'): number[] => {
    const scores =
      measure === 'judge' ? [...record.judge].map(Number) : record.aspects.map((value) => value / 1000);
    return prompts.flatMap((prompt, p) => {
      if (!isOf(subset, prompt)) return [];
      const own = scores.slice(p * samplesPerPrompt, (p + 1) * samplesPerPrompt);
      return [own.reduce((sum, value) => sum + value, 0) / own.length];
    });
  };
  return {
    records,
    prompts,
    ofArm,
    accepted: (arm, subset) => {
      const perRun = ofArm(arm).map((record) => mean(row(record, subset)));
      return perRun.length === 0 ? undefined : mean(perRun);
    },
    judged: (arm, subset, measure) => {
      const table = ofArm(arm).map((record) => row(record, subset, measure));
      return table.length === 0 ? undefined : interval(table);
    },
    difference: (first, second, subset) => {
      const others = new Map(ofArm(second).map((record) => [record.seed, record]));
      const table = ofArm(first).flatMap((record) => {
        const other = others.get(record.seed);
        if (other === undefined) return [];
        const theirs = row(other, subset);
        return [row(record, subset).map((value, p) => value - (theirs[p] as number))];
      });
      if (table.length === 0) return undefined;
      const perPrompt = (table[0] as number[]).map((_, p) =>
        table.reduce((sum, differences) => sum + (differences[p] as number) / table.length, 0),
      );
      return { ...interval(table), p: signFlipTest(perPrompt), seeds: table.length };
    },
  };
}

/** The mean. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Over runs and prompts; of a single run over prompts only. */
function interval(table: readonly (readonly number[])[]): Estimate {
  const { estimate, low, high } =
    table.length === 1 ? bootstrap(table[0] as number[]) : crossedBootstrap(table, { resamples: 4999 });
  return { estimate, low, high };
}
