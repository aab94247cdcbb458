import { BicotError } from '../../errors.js';

/**
 * A run's settings as JSON, to be read by people.
 * @param what who asks, for the error
 * @throws BicotError `value` for what is no plain data
 */
export function configText(what: string, config: object): string {
  try {
    return JSON.stringify(config, null, 2);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new BicotError(
      'value',
      `${what}: config can't be written as JSON (${reason}). Pass plain data: numbers, texts, lists and objects.`,
      { cause },
    );
  }
}
