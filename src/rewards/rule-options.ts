import { BicotError } from '../errors.js';
import { assertFlag, assertKnownOptions, assertNumber, NOT_NEGATIVE } from '../options.js';

/** How the rules judge; one object serves all of them, and each reads what it needs. */
export interface RuleOptions {
  /**
   * The numbers of T2I-R1's published code, mistakes included (docs/rewards/rules.md lists them), to compare with its
   * runs. Excludes the other options: it has thresholds of its own. Default false.
   */
  readonly reference?: boolean;
  /** Numbers: a near miss earns more than a wild one; false: all or nothing for each item. Default true. */
  readonly graded?: boolean;
  /**
   * Relations: centres at most this far apart are near, as a fraction of the image side. Default 150/384, T2I-R1's
   * 150 pixels of its 384.
   */
  readonly nearDistance?: number;
  /**
   * Relations: whether both axes must be near (`and`), or one is enough (`or`, T2I-R1's, which takes opposite ends of
   * a row for neighbours). Default `and`.
   */
  readonly nearAxes?: 'and' | 'or';
  /** Relations: directions lose credit as the boxes overlap by more than this (IoU). Default 0.1. */
  readonly overlap?: number;
}

/** Options with nothing left open. */
export type CheckedRuleOptions = Readonly<Required<RuleOptions>>;

const DEFAULTS: CheckedRuleOptions = {
  reference: false,
  graded: true,
  nearDistance: 150 / 384,
  nearAxes: 'and',
  overlap: 0.1,
};

/**
 * The options with their defaults.
 * @param what who checks, e.g. `ruleScore`
 * @throws BicotError `value` for an unknown name, a value that makes no sense, or one that `reference` would ignore
 */
export function checkedRuleOptions(what: string, options: RuleOptions): CheckedRuleOptions {
  assertKnownOptions(what, options, Object.keys(DEFAULTS));
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const all: CheckedRuleOptions = { ...DEFAULTS, ...Object.fromEntries(given) };
  assertFlag(what, 'reference', all.reference);
  assertFlag(what, 'graded', all.graded);
  assertNumber(what, 'nearDistance', all.nearDistance, NOT_NEGATIVE);
  assertNumber(what, 'overlap', all.overlap, NOT_NEGATIVE);
  if (all.nearAxes !== 'and' && all.nearAxes !== 'or') {
    throw new BicotError('value', `${what}: nearAxes is ${String(all.nearAxes)}, but must be 'and' or 'or'.`);
  }
  const ignored = given.map(([name]) => name).filter((name) => name !== 'reference');
  if (all.reference && ignored.length > 0) {
    throw new BicotError(
      'value',
      `${what}: reference fixes every threshold, so ${ignored.join(', ')} would do nothing. Drop one or the other.`,
    );
  }
  return all;
}
