import { hostname } from 'node:os';
import { encodePng } from '../../image/png.js';
import { rewardColumn } from '../../objective/reward-table.js';
import { rowsOfGroup } from '../../objective/statistics.js';
import { assertKnownOptions, assertNumber, POSITIVE_INTEGER } from '../../options.js';
import type { Logger } from '../../train/logger.js';
import type { TrainStep } from '../../train/step.js';
import { type GridCell, imageGrid } from '../image-grid.js';
import { configText } from '../run/config-text.js';
import { retriesOf, type WritingOptions } from '../run/patience.js';
import { extremeGroups } from '../run/picture-logger.js';
import { textOfPrompt } from '../run/picture-record.js';
import {
  histogramValue,
  imageValue,
  type SummaryValue,
  scalarValue,
  startEvent,
  summaryEvent,
  textValue,
} from './event.js';
import { type EventEnvironment, eventFile } from './event-file.js';
import { histogramOf } from './histogram.js';
import { stepScalars } from './scalars.js';

/** What TensorBoard gets to see, and how often. */
export interface TensorBoardOptions<P> extends WritingOptions {
  /** Numbers of the steps 0, `every`, 2 · `every`, … Default 1. */
  readonly every?: number;
  /** The same for histograms of scores, totals and advantages; `false` for none. Default 10. */
  readonly histograms?: number | false;
  /** The same for the pictures of the best group; `false` for none. Default 50. */
  readonly images?: number | false;
  /** The run's settings as plain data, shown as text. Default: none. */
  readonly config?: object;
  /** A prompt as text. Default: a string as it is, of a row its `prompt`, of anything else its JSON. */
  readonly promptText?: (prompt: P) => string;
}

/**
 * Writes files that TensorBoard reads (`tensorboard --logdir runs`): numbers, histograms, pictures of the best group and the
 * settings, by the names of docs/metrics.md. One file for each process; after every step all is on the disk. A run that goes on at a
 * step says so, and TensorBoard forgets what earlier files say of this step and later ones.
 * @param folder the run's, e.g. `runs/1`
 * @throws BicotError `value` for options that make no sense. While logging: `file` with the path, the cause and what to do
 */
export function tensorBoardLogger<P = unknown, C = unknown>(
  folder: string,
  options: TensorBoardOptions<P> = {},
): Logger<P, C> {
  const environment = { now: Date.now, host: hostname(), pid: process.pid };
  return tensorBoardLoggerOf<P, C>(folder, options, environment);
}

/** `tensorBoardLogger` with a given clock and machine. */
export function tensorBoardLoggerOf<P = unknown, C = unknown>(
  folder: string,
  options: TensorBoardOptions<P>,
  environment: EventEnvironment,
): Logger<P, C> {
  const what = 'tensorBoardLogger';
  assertKnownOptions(what, options, ['every', 'histograms', 'images', 'config', 'promptText', 'retries']);
  const { every = 1, histograms = 10, images = 50, config, promptText = textOfPrompt } = options;
  for (const [name, value] of Object.entries({ every, histograms, images })) {
    if (value !== false) assertNumber(what, name, value, POSITIVE_INTEGER);
  }
  const markdown = config && asMarkdown(config);
  const file = eventFile(folder, environment, retriesOf(what, options));
  let last: number | undefined;
  return async (made) => {
    const { step } = made.metrics;
    const time = { step, wallTime: environment.now() / 1000 };
    const events: Uint8Array[] = [];
    if (last === undefined || step <= last) events.push(startEvent(time));
    if (last === undefined && markdown) {
      events.push(summaryEvent({ ...time, step: 0 }, [textValue('config', markdown)]));
    }
    const due = (steps: number | false): boolean => steps !== false && step % steps === 0;
    const values = [
      ...(due(every) ? scalarValues(made) : []),
      ...(due(histograms) ? histogramValues(made) : []),
      ...(due(images) ? imageValues(made, promptText) : []),
    ];
    if (values.length > 0) events.push(summaryEvent(time, values));
    if (events.length > 0) await file.add(events);
    last = step;
  };
}

/** Indented, as Markdown shows code. */
const asMarkdown = (config: object): string => configText('tensorBoardLogger', config).replace(/^/gm, '    ');

const scalarValues = ({ metrics }: Pick<TrainStep, 'metrics'>): SummaryValue[] =>
  Object.entries(stepScalars(metrics)).map(([tag, value]) => scalarValue(tag, value));

function histogramValues({ rewards, advantages }: Pick<TrainStep, 'rewards' | 'advantages'>): SummaryValue[] {
  const series: [string, ArrayLike<number>][] = [
    ['histograms/total', rewards.total],
    ['histograms/advantages', advantages],
    ...[rewards.table, rewards.monitors].flatMap((table) =>
      table.names.map((name, k): [string, ArrayLike<number>] => [
        `histograms/scores/${name}`,
        rewardColumn(table, k),
      ]),
    ),
  ];
  return series.flatMap(([tag, values]) => {
    const histogram = histogramOf(values);
    return histogram ? [histogramValue(tag, histogram)] : [];
  });
}

function imageValues<P, C>(made: TrainStep<P, C>, promptText: (prompt: P) => string): SummaryValue[] {
  const { groupSize, samples } = made.rollout;
  const [group] = extremeGroups(made, 1).best;
  if (group === undefined) return [];
  const rows = rowsOfGroup(group, groupSize);
  const cells = rows.flatMap((row): GridCell[] => {
    const image = samples[row]?.image;
    return image ? [{ image, caption: [`total ${captionOf(made.rewards.total[row] as number)}`] }] : [];
  });
  if (cells.length === 0) return [];
  const title = promptText(samples[group * groupSize]?.prompt as P);
  const columns = Math.ceil(Math.sqrt(cells.length));
  const largest = Math.max(...cells.map(({ image }) => image.width));
  // Small pictures are made larger, to be seen.
  const grid = imageGrid(cells, { columns, title, scale: Math.max(1, Math.floor(128 / largest)) });
  return [imageValue('pictures/best_group', grid, encodePng(grid))];
}

const captionOf = (total: number): string => (Number.isNaN(total) ? 'none' : total.toFixed(3));
