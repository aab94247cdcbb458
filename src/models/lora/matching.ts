import { BicotError, type BicotErrorCode } from '../../errors.js';

/**
 * Which modules: a list of names, each a module's path or what it ends with after a dot; or a pattern of the whole path.
 * As PEFT's `target_modules`.
 */
export type ModuleNames = readonly string[] | string | RegExp;

/** Numbers for some modules, by a pattern of how their paths end. As PEFT's `rank_pattern`. */
export type ModulePattern = Readonly<Record<string, number>>;

/** Which layers of a model, by the numbers in their modules' paths. As PEFT's `layers_to_transform`. */
export interface LayerChoice {
  readonly layers: readonly number[];
  /** What comes before a layer's number, as patterns; empty: whatever does. As PEFT's `layers_pattern`. */
  readonly after: readonly string[];
}

/** Says what is wrong with a pattern that can't be read. */
export interface PatternErrors {
  readonly what: string;
  readonly code: BicotErrorCode;
}

/**
 * A test whether a module is named.
 * @throws BicotError of the code given, for a pattern that is not a regular expression here
 */
export function moduleTest(names: ModuleNames, errors: PatternErrors): (path: string) => boolean {
  if (typeof names === 'string' || names instanceof RegExp) {
    const pattern = wholePath(names, errors);
    return (path) => pattern.test(path);
  }
  return (path) => names.some((name) => endsWith(path, name));
}

/** Whether a path is this name, or ends with it after a dot. */
export function endsWith(path: string, name: string): boolean {
  return path === name || path.endsWith(`.${name}`);
}

/**
 * A function from a module's path to its number: that of the first pattern which the path, or its end after a dot,
 * matches.
 * @returns undefined for a path that none matches
 * @throws BicotError of the code given, for a pattern that is not a regular expression here
 */
export function patternLookup(
  pattern: ModulePattern,
  errors: PatternErrors,
): (path: string) => number | undefined {
  const tests = Object.entries(pattern).map(
    ([ending, value]) => [expression(`^(?:.*\\.)?(?:${ending})$`, ending, errors), value] as const,
  );
  return (path) => tests.find(([test]) => test.test(path))?.[1];
}

/**
 * A test whether a module lies in a chosen layer; the layer is the first number of its path.
 * @throws BicotError of the code given, for a pattern that is not a regular expression here
 */
export function layerTest({ layers, after }: LayerChoice, errors: PatternErrors): (path: string) => boolean {
  const numbers =
    after.length === 0
      ? [/^.*?\.[^.]*\.(\d+)\./]
      : after.map((name) => expression(`^(?:.*?\\.)?(?:${name})\\.(\\d+)\\.`, name, errors));
  return (path) => {
    const found = numbers.map((number) => number.exec(path)?.at(-1)).find((number) => number !== undefined);
    return found !== undefined && layers.includes(Number(found));
  };
}

function wholePath(pattern: string | RegExp, errors: PatternErrors): RegExp {
  if (typeof pattern === 'string') return expression(`^(?:${pattern})$`, pattern, errors);
  // Without g and y, which would remember where the last match ended.
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ''));
}

/**
 * A pattern in the syntax that Python and JavaScript share, and Python's named groups. With the flag u, what JavaScript
 * does not know (`\Z`, `(?i)`) is an error instead of a letter.
 */
function expression(source: string, shown: string, { what, code }: PatternErrors): RegExp {
  try {
    return new RegExp(source.replaceAll('(?P<', '(?<').replace(/\(\?P=(\w+)\)/g, '\\k<$1>'), 'u');
  } catch (cause) {
    throw new BicotError(
      code,
      `${what}: '${shown}' can't be read as a regular expression (${(cause as Error).message}). Write it in the syntax that Python and JavaScript share, or list the modules' names.`,
      { cause },
    );
  }
}
