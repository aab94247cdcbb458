import { BicotError } from './errors.js';

/**
 * Throws if there is an option that nobody reads: a misspelt name would silently do nothing.
 * @param known every name that is read
 * @throws BicotError `value`, naming the option and those that exist
 */
export function assertKnownOptions(what: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new BicotError('value', `${what}: options are ${JSON.stringify(options)}, but must be an object.`);
  }
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  if (unknown.length === 0) return;
  const names = (keys: readonly string[]): string => keys.map((key) => `'${key}'`).join(', ');
  throw new BicotError(
    'value',
    `${what}: there is no option ${names(unknown)}; the options are ${names(known)}. Correct the name, or drop it.`,
  );
}

/** What a number must be like, in words and as a test. */
export interface NumberRule {
  readonly words: string;
  readonly test: (value: number) => boolean;
}

/** Finite and 0 or more. */
export const NOT_NEGATIVE: NumberRule = {
  words: 'finite and not negative',
  test: (value) => value >= 0 && value < Number.POSITIVE_INFINITY,
};

/** Finite and more than 0. */
export const POSITIVE: NumberRule = {
  words: 'finite and above 0',
  test: (value) => value > 0 && value < Number.POSITIVE_INFINITY,
};

/** 1, 2, 3, … */
export const POSITIVE_INTEGER: NumberRule = {
  words: 'a positive whole number',
  test: (value) => Number.isSafeInteger(value) && value > 0,
};

/** 0, 1, 2, … */
export const WHOLE_NUMBER: NumberRule = {
  words: 'a whole number, 0 or more',
  test: (value) => Number.isSafeInteger(value) && value >= 0,
};

/**
 * Throws unless an option is a number as the rule says.
 * @param what who checks, e.g. `cispo`
 * @throws BicotError `value`
 */
export function assertNumber(what: string, name: string, value: unknown, rule: NumberRule): void {
  if (typeof value === 'number' && rule.test(value)) return;
  throw new BicotError('value', `${what}: ${name} is ${String(value)}, but must be ${rule.words}.`);
}

/**
 * Throws unless an option is true or false.
 * @throws BicotError `value`
 */
export function assertFlag(what: string, name: string, value: unknown): void {
  if (typeof value === 'boolean') return;
  throw new BicotError('value', `${what}: ${name} is ${String(value)}, but must be true or false.`);
}
