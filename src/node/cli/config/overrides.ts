import { BicotError } from '../../../errors.js';

/**
 * A value with fields replaced or added.
 * @param overrides `a.b=value`, of JSON's values, or text where they are none
 * @throws BicotError `value` for one without `=`, or through something that has no fields
 */
export function withOverrides(value: unknown, overrides: readonly string[]): unknown {
  return overrides.reduce<unknown>((whole, override) => {
    const at = override.indexOf('=');
    if (at < 1) {
      throw new BicotError('value', `--set ${override}: expected FIELD=VALUE, e.g. --set groupSize=16.`);
    }
    return replaced(whole, override.slice(0, at).split('.'), parse(override.slice(at + 1)), override);
  }, value);
}

function replaced(
  whole: unknown,
  [first = '', ...rest]: readonly string[],
  value: unknown,
  override: string,
): unknown {
  if (whole !== undefined && (typeof whole !== 'object' || whole === null || Array.isArray(whole))) {
    throw new BicotError('value', `--set ${override}: ${JSON.stringify(whole)} has no field ${first}.`);
  }
  const fields = (whole ?? {}) as Readonly<Record<string, unknown>>;
  return { ...fields, [first]: rest.length === 0 ? value : replaced(fields[first], rest, value, override) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
