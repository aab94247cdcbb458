import type { Runs } from './runs.js';
import { klOf, percent, pValue, signedInterval, withInterval } from './tables.js';

/**
 * What a sentence of the results quotes: `judge ARM SUBSET` (with its interval), `share ARM SUBSET` (without), `difference ARM ARM SUBSET`, `p ARM ARM SUBSET`, `relative ARM ARM SUBSET` (the
 * change in percent of the second), `plan ARM TASK` and `picture ARM TASK` (shares of `levels`), `kl ARM`, `runs`.
 * @throws Error for a key that means nothing, or runs that are not there
 */
export function valueIn(runs: Runs, key: string): string {
  const [what, ...words] = key.split(' ');
  const [first = '', second = '', subset = ''] = words;
  const known = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error(`There are no runs for '${key}'.`);
    return value;
  };
  switch (what) {
    case 'judge':
      return `${withInterval(known(runs.judged(first, second)))} %`;
    case 'share':
      return percent(known(runs.accepted(first, second)));
    case 'difference':
      return signedInterval(known(runs.difference(first, second, subset)));
    case 'p':
      return pValue(known(runs.difference(first, second, subset)).p);
    case 'relative': {
      const [one, other] = [first, second].map((arm) => known(runs.accepted(arm, subset))) as [
        number,
        number,
      ];
      return `${percent(one / other - 1)} %`;
    }
    case 'plan':
    case 'picture': {
      const shares = runs.ofArm(first).map(({ levels }) => known(levels?.[second])[what]);
      return `${percent(shares.reduce((sum, share) => sum + share, 0) / known(shares.length || undefined))} %`;
    }
    case 'kl':
      return klOf(runs, first);
    case 'runs':
      return String(runs.records.length);
    default:
      throw new Error(`'${key}' means nothing in the results.`);
  }
}
