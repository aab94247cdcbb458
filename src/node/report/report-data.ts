/** What a report's page is given, as plain JSON: made in Node, shown by `page/`. */

/** One curve of one chart. Missing numbers are null. */
export interface CurveData {
  /** What it is of, within its chart: a level, `total`. */
  readonly name: string;
  /** Which of the report's runs, from 0. */
  readonly run: number;
  /** Of `values`, ascending: where few points say the same as all, the least and the greatest of each stretch. */
  readonly steps: readonly number[];
  /** Five digits. */
  readonly values: readonly (number | null)[];
  /** The mean over the steps around, for a calmer curve; absent for short ones. */
  readonly smooth?: { readonly steps: readonly number[]; readonly values: readonly (number | null)[] };
  /** Exact, of all the steps. Absent for a curve without a number. */
  readonly exact?: {
    readonly first: PointData;
    readonly last: PointData;
    readonly least: PointData;
    readonly greatest: PointData;
  };
}

/** A step and the number there, as the run's file has it. */
export interface PointData {
  readonly step: number;
  readonly value: number;
}

/** One chart: the same curves of every run. */
export interface ChartData {
  readonly id: string;
  readonly title: string;
  /** What it is, and what is good. */
  readonly about: string;
  readonly section: 'reward' | 'policy' | 'speed';
  /** A monitor is watched and not trained: it stands apart. */
  readonly monitor: boolean;
  /** The one that counts, drawn larger. */
  readonly main: boolean;
  readonly curves: readonly CurveData[];
}

/** A number at the beginning and now: means over `over` steps. */
export interface ChangeData {
  /** `Reward`, or the monitor's name. */
  readonly name: string;
  /** Mean of the first steps. */
  readonly from: number;
  /** Mean of the last steps. */
  readonly to: number;
  /** Steps of each mean: a twentieth of those that have a number, 1 to 20. */
  readonly over: number;
}

/** What a person reads first. */
export interface HeadlineData {
  /** Steps made. */
  readonly done: number;
  /** Of so many; absent where `config.json` does not say. */
  readonly total?: number;
  /** `waiting`: no step yet. `stopped`: not finished, and nothing was written for a while. */
  readonly state: 'waiting' | 'running' | 'finished' | 'stopped';
  /** Seconds until it is finished, if it runs and it is known how many steps are left. */
  readonly secondsLeft?: number;
  /** When the last step was written, in milliseconds since 1970. */
  readonly writtenAt?: number;
  /** Of the mean reward; absent until a step has one. */
  readonly reward?: ChangeData;
  /** The monitor that judges. */
  readonly judge?: ChangeData;
  /** How many there are of each severity. */
  readonly findings: Readonly<Record<'error' | 'warning' | 'note', number>>;
  /** The most severe, and of several the first. */
  readonly worst?: {
    /** `error`, `warning` or `note`. */
    readonly severity: string;
    /** A `FindingCode`, or one of another version. */
    readonly code: string;
    /** What is the matter, in plain language. */
    readonly message: string;
  };
}

/** Findings of one kind. */
export interface FindingData {
  readonly code: string;
  readonly severity: 'error' | 'warning' | 'note';
  /** Of the first. */
  readonly message: string;
  readonly evidence: string;
  readonly suggestion: string;
  readonly level?: string;
  readonly reward?: string;
  /** Where it was seen, ascending. */
  readonly steps: readonly number[];
}

/** One picture with what was said about it. */
export interface PictureData {
  readonly step: number;
  /** A data URL, or an address at the server. Absent if the file could not be shown. */
  readonly source?: string;
  readonly plan?: string;
  readonly total: number | null;
  readonly scores: Readonly<Record<string, number | null>>;
}

/** One prompt's pictures through training. */
export interface TrackedData {
  readonly prompt: string;
  /** By step, ascending. */
  readonly pictures: readonly PictureData[];
}

/** The pictures of one group. */
export interface GroupData {
  readonly step: number;
  readonly kind: 'best' | 'worst';
  readonly prompt: string;
  readonly pictures: readonly PictureData[];
}

/** One run. */
export interface RunData {
  readonly name: string;
  readonly headline: HeadlineData;
  readonly findings: readonly FindingData[];
  /** Kinds of findings that are left out of the list. */
  readonly findingsLeftOut: number;
  readonly tracked: readonly TrackedData[];
  readonly groups: readonly GroupData[];
  /** What is said about the pictures: how many there are, and why some are not shown. */
  readonly picturesNote: string;
  /** Settings, by their path in `config.json`. */
  readonly config: readonly (readonly [path: string, value: string])[];
  /** What could not be read. */
  readonly problems: readonly string[];
}

/** Everything that a page shows. */
export interface ReportData {
  readonly title: string;
  /** The version of bicot. */
  readonly version: string;
  /** When it was made, in milliseconds since 1970. */
  readonly madeAt: number;
  /** Served by `bicot watch`: the page asks for news. */
  readonly live: boolean;
  /** Seconds after which the page loads itself again, if its run goes on. 0: never by itself. */
  readonly reloadSeconds: number;
  readonly runs: readonly RunData[];
  readonly charts: readonly ChartData[];
}
