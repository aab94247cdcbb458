import type { Finding } from '../findings.js';

/** Whether a condition holds now. `between` keeps what was before. */
export type AlarmState = 'raised' | 'between' | 'clear';

/** One condition in one step. */
export interface Alarm {
  readonly state: AlarmState;
  readonly finding: Finding;
}

/**
 * With two thresholds, so that a value that wavers around one is one event.
 * @param value NaN (nothing known) changes nothing
 */
export function alarmState(value: number, raisedAbove: number, clearUpTo: number): AlarmState {
  if (value > raisedAbove) return 'raised';
  return value <= clearUpTo ? 'clear' : 'between';
}

/**
 * Passes an alarm's finding on when it is raised, and again only after it was clear.
 * @param standing the alarms that are raised; changed in place
 */
export function onceEach(standing: Set<string>): (alarms: readonly Alarm[]) => Finding[] {
  return (alarms) =>
    alarms.flatMap(({ state, finding }) => {
      const key = [finding.code, finding.level, finding.reward].join('\u241f');
      if (state === 'clear') standing.delete(key);
      if (state !== 'raised' || standing.has(key)) return [];
      standing.add(key);
      return [finding];
    });
}

/** The last values of named series. */
export interface SeriesStore {
  push(name: string, value: number): void;
  /** The last `count` values, NaN left out, oldest first. */
  recent(name: string, count: number): number[];
  /** As `recent`, NaN kept: series that are pushed together stay side by side. */
  window(name: string, count: number): readonly number[];
  /** The mean of the first `count` values that are not NaN; NaN until there are so many. */
  start(name: string, count: number): number;
  /** All that it remembers. */
  state(): SeriesState;
}

/** What a store remembers. Plain data. */
export interface SeriesState {
  /** By name: the last values, oldest first, NaN among them. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** By name: the first values that are not NaN. */
  readonly starts: Readonly<Record<string, readonly number[]>>;
}

/**
 * A store that remembers `capacity` values of each series.
 * @param state what it remembers from before; copied. Default: nothing
 */
export function seriesStore(capacity: number, state: SeriesState = { values: {}, starts: {} }): SeriesStore {
  const copy = (series: SeriesState['values']): Map<string, number[]> =>
    new Map(Object.entries(series).map(([name, numbers]) => [name, [...numbers]]));
  const values = copy(state.values);
  const starts = copy(state.starts);
  const last = (name: string, count: number) => (count <= 0 ? [] : (values.get(name) ?? []).slice(-count));
  return {
    push(name, value) {
      const series = values.get(name) ?? [];
      series.push(value);
      if (series.length > capacity) series.shift();
      values.set(name, series);
      const start = starts.get(name) ?? [];
      if (start.length < capacity && !Number.isNaN(value)) start.push(value);
      starts.set(name, start);
    },
    recent: (name, count) => last(name, count).filter((value) => !Number.isNaN(value)),
    window: last,
    start(name, count) {
      const start = starts.get(name) ?? [];
      return start.length < count ? Number.NaN : mean(start.slice(0, count));
    },
    state: () => ({
      values: Object.fromEntries([...values].map(([name, numbers]) => [name, [...numbers]])),
      starts: Object.fromEntries([...starts].map(([name, numbers]) => [name, [...numbers]])),
    }),
  };
}

/** NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** A number of a record; `null` (NaN in JSON) and absent ones are NaN. */
export function numberOf(value: number | null | undefined): number {
  return value ?? Number.NaN;
}
