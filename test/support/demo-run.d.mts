import type { StepMetrics } from '../../src/train/metrics.js';

/** What a page must show as words, and never run. */
export const HOSTILE: string;

/** Numbers in [0, 1) that are the same for the same seed. */
export function random(seed: number): () => number;

/** What a run's folder is made of. */
export interface DemoRunOptions {
  /** Steps that were made. Default 120. */
  readonly steps?: number;
  /** Steps that it will have. Default 200. */
  readonly total?: number;
  readonly seed?: number;
  /** Steps between pictures; 0 for none. */
  readonly everyPictures?: number;
  /** Of a picture, in pixels. */
  readonly size?: number;
  readonly groupSize?: number;
  readonly rewards?: readonly string[];
  readonly monitors?: readonly string[];
  readonly levels?: readonly string[];
}

/** One record of `metrics.jsonl`. @param of how far the run is, from 0 to 1 */
export function demoStep(
  step: number,
  of: number,
  next: () => number,
  names: Required<Pick<DemoRunOptions, 'rewards' | 'monitors' | 'levels'>>,
): StepMetrics;

/** Writes a run's folder. @returns the records of `metrics.jsonl` */
export function writeDemoRun(folder: string, options?: DemoRunOptions): StepMetrics[];
