import { BicotError } from '../../errors.js';
import { assertFlag, assertKnownOptions, assertNumber, POSITIVE } from '../../options.js';
import type { KeyPart } from '../../tensor/noise.js';
import {
  type ModuleNames,
  type ModulePattern,
  moduleTest,
  type PatternErrors,
  patternLookup,
} from './matching.js';

/** Which matrices get adapters, and how large they are. */
export interface LoraOptions {
  /** r, the columns of A and rows of B. */
  readonly rank: number;
  /** An adapter counts alpha / rank times. Default: the rank, so once, as PEFT's defaults of 8 and 8 do. */
  readonly alpha?: number;
  /**
   * Which modules. A list names them by path or by how it ends, `['q_proj', 'mlp.up_proj']`; a string or a RegExp must
   * match the whole path. Default 'all-linear', every matrix there is.
   */
  readonly targets?: ModuleNames;
  /** Ranks of some modules, by a pattern of how their paths end (PEFT's `rank_pattern`); the first that matches counts. Default none. */
  readonly rankPattern?: ModulePattern;
  /** Alphas of some modules, likewise. Default none: then those of another rank keep `alpha`. */
  readonly alphaPattern?: ModulePattern;
  /** Adapters count alpha / √rank times (rsLoRA, Kalajdzievski 2023). Default false. */
  readonly rslora?: boolean;
  /** Only 0: a policy must give the same log-probs whenever it is asked. Default 0. */
  readonly dropout?: number;
  /** Of the initial A. Default 0. */
  readonly seed?: KeyPart;
}

/** Options with every default filled in. */
export type LoraSettings = Required<Omit<LoraOptions, 'dropout'>>;

/** In place of names: every matrix. */
export const ALL_LINEAR = 'all-linear';

const ERRORS: PatternErrors = { what: 'loraOptions', code: 'value' };
const KNOWN = ['rank', 'alpha', 'targets', 'rankPattern', 'alphaPattern', 'rslora', 'dropout', 'seed'];

/**
 * Fills in defaults and checks.
 * @throws BicotError `value`; `unsupported` for dropout
 */
export function loraOptions(options: LoraOptions): LoraSettings {
  assertKnownOptions('loraOptions', options, KNOWN);
  const { rank, dropout = 0, ...rest } = options;
  if (dropout !== 0) {
    throw new BicotError(
      'unsupported',
      `loraOptions: dropout is ${String(dropout)}, but only 0 can be used: with dropout the log-probs that are trained would not be those of what was sampled. Leave it out; regularise with the KL penalty, a smaller rank or weight decay.`,
    );
  }
  const settings: LoraSettings = {
    ...{ rank, alpha: rank, targets: ALL_LINEAR, rankPattern: {}, alphaPattern: {}, rslora: false, seed: 0 },
    ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
  };
  assertRank('rank', rank);
  assertNumber('loraOptions', 'alpha', settings.alpha, POSITIVE);
  assertFlag('loraOptions', 'rslora', settings.rslora);
  assertTargets(settings.targets);
  for (const [ending, value] of patternEntries('rankPattern', settings.rankPattern)) {
    assertRank(`rankPattern['${ending}']`, value);
  }
  for (const [ending, value] of patternEntries('alphaPattern', settings.alphaPattern)) {
    assertNumber('loraOptions', `alphaPattern['${ending}']`, value, POSITIVE);
  }
  return settings;
}

/** Size and weight of one module's adapter. */
export interface AdapterSize {
  readonly rank: number;
  /** alpha / rank, or alpha / √rank. */
  readonly scale: number;
}

/** The largest rank that any adapter may have. */
export function largestRank({ rank, rankPattern = {} }: Pick<LoraOptions, 'rank' | 'rankPattern'>): number {
  return Math.max(rank, ...Object.values(rankPattern));
}

/** What the settings say about each module's adapter. */
export function adapterSizes(settings: LoraSettings): (path: string) => AdapterSize {
  const rankOf = patternLookup(settings.rankPattern, ERRORS);
  const alphaOf = patternLookup(settings.alphaPattern, ERRORS);
  return (path) => {
    const rank = rankOf(path) ?? settings.rank;
    const alpha = alphaOf(path) ?? settings.alpha;
    return { rank, scale: alpha / (settings.rslora ? Math.sqrt(rank) : rank) };
  };
}

/**
 * The paths that the targets name, in the order of the paths.
 * @throws BicotError `value` if a name, or the pattern, names none: then it says which modules there are
 */
export function targetPaths(targets: ModuleNames, paths: readonly string[]): string[] {
  if (targets === ALL_LINEAR && paths.length > 0) return [...paths];
  const each = isList(targets) ? targets.map((name) => [name]) : [targets];
  const useless = each.filter((names) => !paths.some(moduleTest(names, ERRORS)));
  if (useless.length > 0) {
    throw new BicotError(
      'value',
      `createAdapters: no module is named ${useless.map((names) => (names instanceof RegExp ? names : `'${names}'`)).join(', ')}. ${modulesInWords(paths)} A list names a path or its end after a dot; a pattern must match a whole path.`,
    );
  }
  return paths.filter(moduleTest(targets, ERRORS));
}

/** What modules there are: their last names, and one path as an example. */
export function modulesInWords(paths: readonly string[]): string {
  if (paths.length === 0) return 'The model has no matrices that adapters could be put beside.';
  const endings = new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)));
  return `The model's ${paths.length} modules are called ${[...endings].join(', ')}; one path is '${paths[0]}'.`;
}

const isList = (targets: ModuleNames): targets is readonly string[] => Array.isArray(targets);

function assertRank(name: string, value: unknown): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return;
  throw new BicotError(
    'value',
    `loraOptions: ${name} is ${String(value)}, but must be a whole number of at least 1.`,
  );
}

function assertTargets(targets: unknown): void {
  const names =
    Array.isArray(targets) && targets.length > 0 && targets.every((name) => typeof name === 'string');
  if (!names && typeof targets !== 'string' && !(targets instanceof RegExp)) {
    throw new BicotError(
      'value',
      `loraOptions: targets is ${JSON.stringify(targets)}, but must be a list of module names, a pattern, or '${ALL_LINEAR}'.`,
    );
  }
  moduleTest(targets as ModuleNames, ERRORS);
}

function patternEntries(name: string, pattern: unknown): [string, unknown][] {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) {
    throw new BicotError(
      'value',
      `loraOptions: ${name} is ${JSON.stringify(pattern)}, but must be an object of numbers by pattern.`,
    );
  }
  patternLookup(pattern as ModulePattern, ERRORS);
  return Object.entries(pattern);
}
