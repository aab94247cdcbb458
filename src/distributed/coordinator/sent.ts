import type { Surrogate } from '../../objective/surrogates/surrogate.js';
import { postedTerms } from '../../parallel/posted.js';
import type { LevelTerms } from '../../rollout/terms.js';
import type { Payloads, SentSurrogate } from '../wire/check.js';

/** Terms of a loss as they travel: without policy and functions. */
export function sentTerms<C>(terms: LevelTerms<C>): Payloads['gradients'] {
  const { surrogate, ...loss } = terms.loss;
  return {
    terms: withoutUndefined(postedTerms({ ...terms, loss })),
    ...(surrogate && { surrogate: sentSurrogate(surrogate) }),
  };
}

/** One of bicot's own with its arguments; any other by its name, under which workers have it. No code travels. */
function sentSurrogate({ name, recipe }: Surrogate): SentSurrogate {
  return recipe && recipe.module === undefined
    ? { own: true, name: recipe.name, args: recipe.args }
    : { name, args: [] };
}

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
